import { expected } from '../internal/describe.js';
import type { WaitOptions } from '../pool/options.js';
import { waitOptions } from '../sync/options.js';
import { Connection } from './connection.js';

/** What can be waited for: a connection with something to receive, or a promise that settles. */
export type Waitable = Connection<never> | Connection | PromiseLike<unknown>;

/**
 * Waits until at least one of `objects` is ready: a connection that has something to receive (its end counts), or a
 * promise that is settled, such as `process.exited`. Gives those that are ready; none when the time is up.
 *
 * Python: `multiprocessing.connection.wait(object_list, timeout=None)`.
 * @throws TypeError for an object that cannot be waited for
 * @example
 * for (const ready of await wait([first, second], { timeout: 1000 })) console.log(await ready.recv());
 */
export async function wait<T extends Waitable>(objects: Iterable<T>, options?: WaitOptions): Promise<T[]> {
  const { timeout, signal } = waitOptions(options);
  signal?.throwIfAborted();
  const list = [...objects];
  const settled = new Set<T>();
  const over = new AbortController();
  const stop = (): void => over.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  const waits = list.map((object) => whenReady(object, () => settled.add(object), over.signal, timeout));
  try {
    if (waits.length > 0) await Promise.race(waits);
    // Promises that are settled already say so within a turn of the microtasks.
    await null;
    return list.filter((object) => settled.has(object) || (object instanceof Connection && object.pollSync()));
  } finally {
    signal?.removeEventListener('abort', stop);
    over.abort();
    for (const wait of waits) wait.catch(() => {});
  }
}

async function whenReady(
  object: Waitable,
  settle: () => void,
  signal: AbortSignal,
  timeout: number | undefined,
): Promise<void> {
  if (object instanceof Connection) {
    await object.poll({ timeout, signal });
    return;
  }
  if (typeof object !== 'object' || object === null || typeof object.then !== 'function') {
    throw new TypeError(expected('objects', 'a list of connections and promises', object));
  }
  const done = Promise.resolve(object).then(settle, settle);
  if (timeout === undefined) await done;
  else await Promise.race([done, sleep(timeout, signal)]);
}

/** Until `ms` are over, or the signal fires. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(ms, 0x7fffffff));
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
