import { expected } from '../internal/describe.js';
import { Timer } from '../internal/timer.js';
import type { WaitOptions } from '../pool/options.js';
import { waitOptions } from '../sync/options.js';
import { Connection } from './connection.js';

/** What ends says so with a promise under this name, in every copy of the package. */
export const endKey: unique symbol = Symbol.for('manycore.end') as never;

/** A process that was started. */
export interface Ending {
  readonly [endKey]: Promise<unknown>;
}

/** What can be waited for: a connection with something to receive, a process that ends, or a promise that settles. */
export type Waitable = Connection<never> | Connection | Ending | PromiseLike<unknown>;

/**
 * Waits until at least one of `objects` is ready: a connection that has something to receive (its end counts), a process
 * that has ended, or a promise that is settled. Gives those that are ready, in their order; none when the time is up,
 * or where there are no objects.
 *
 * Python: `multiprocessing.connection.wait(object_list, timeout=None)`.
 * @throws TypeError for an object that cannot be waited for
 * @throws StateError for a connection that is closed here, and a process that was not started
 * @example
 * for (const ready of await wait([first, second], { timeout: 1000 })) console.log(await ready.recv());
 */
export async function wait<T extends Waitable>(objects: Iterable<T>, options?: WaitOptions): Promise<T[]> {
  const { timeout, signal } = waitOptions(options);
  signal?.throwIfAborted();
  const list = [...objects];
  if (list.length === 0) return [];
  // A process that was not started has no end to wait for.
  const ends = list.map(endOf);
  const settled = new Set<T>();
  const over = new AbortController();
  const waits: Promise<unknown>[] = list.map((object, i) => {
    const settle = (): void => void settled.add(object);
    return ends[i]?.then(settle, settle) ?? (object as Connection).poll({ signal: over.signal });
  });
  waits.push(limit(timeout, signal, over.signal));
  try {
    await Promise.race(waits);
    // Promises that are settled already say so within a turn of the microtasks.
    await null;
    return list.filter((object) => settled.has(object) || (object instanceof Connection && object.pollSync()));
  } finally {
    over.abort();
    for (const wait of waits) wait.catch(() => {});
  }
}

/** Resolves after `timeout` milliseconds, rejects with the reason of `signal`, and ends with `over`. */
export function limit(timeout: number | undefined, signal: AbortSignal | undefined, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = timeout === undefined ? undefined : new Timer(timeout, resolve);
    const abort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const end = (): void => {
      timer?.clear();
      signal?.removeEventListener('abort', abort);
    };
    over.addEventListener('abort', end, { once: true });
  });
}

/** The promise that an object is ready by; none for a connection. */
function endOf(object: Waitable): Promise<unknown> | undefined {
  if (typeof object !== 'object' || object === null) throw notWaitable(object);
  if (object instanceof Connection) return undefined;
  if (endKey in object) return object[endKey];
  if (typeof (object as PromiseLike<unknown>).then !== 'function') throw notWaitable(object);
  return Promise.resolve(object);
}

const notWaitable = (object: unknown): TypeError =>
  new TypeError(expected('objects', 'a list of connections, processes and promises', object));
