import { JoinableQueue, Pool, type Queue, TimeoutError } from 'manycore';
import { expect } from 'vitest';
import { failure, makePool, ref, until } from './helpers.js';

const loop = (name: string): ReturnType<typeof ref> => ref('queue-kills.mjs', name);
const KEEP_STARTING = { maxRestarts: { count: 10_000, within: 1000 } };
/** Numbers that are put at most while one victim lives: more than there is time for. */
const NUMBERS = 200_000;
/** Those that victims put when the producer has put its last. */
const SURPLUS = 100_000;

/** How a victim is ended. */
export type End = 'timeout' | 'terminate' | 'exit';

/** What became of the numbers. */
export interface Account {
  /** How many were counted before they were put. */
  readonly made: number;
  /** How many came out, once each. */
  readonly seen: number;
  readonly twice: number;
  /** Those that never came out: they were with a victim, on its way in or out. */
  readonly missing: number;
}

/**
 * Two workers put and take, and a third does one of `victims` until it is ended at a random moment, `kills` times. Then
 * the queue is shut down and emptied, and every number is accounted for.
 */
export async function surviveQueue(
  kills: number,
  queue: Queue<unknown>,
  victims: readonly string[],
  how: End,
): Promise<Account> {
  const state = new Int32Array(new SharedArrayBuffer(32));
  const seen = new Uint8Array(new SharedArrayBuffer(kills * NUMBERS + SURPLUS));
  state[4] = kills * NUMBERS;
  const pool = makePool({ processes: 2, ...KEEP_STARTING });
  const produced = pool.apply(loop('producer'), [queue, state]);
  const consumed = pool.apply(loop('consumer'), [queue, state, seen]);
  // The time of a victim is to pass in its loop: all that it loads is there before it begins.
  const alone = { processes: 1, initializer: loop('loaded'), initArgs: [queue], ...KEEP_STARTING };
  let doomed = makePool(alone);
  for (let kill = 0; kill < kills; kill++) {
    const args = [queue, state, seen];
    const ms = 1 + Math.random() * 15;
    const victim = loop(how === 'exit' ? 'exitWithin' : (victims[kill % victims.length] as string));
    if (how === 'terminate') {
      const call = failure(() => doomed.apply(victim, args));
      await until(() => doomed.stats().running === 1);
      await new Promise((done) => setTimeout(done, ms));
      await doomed.terminate();
      await call;
      doomed = new Pool(alone);
    } else {
      const error = await failure(() => doomed.apply(victim, args, how === 'timeout' ? { timeout: ms, grace: 0 } : {}));
      if (how === 'timeout') expect(error).toBeInstanceOf(TimeoutError);
    }
  }
  await doomed.terminate();
  Atomics.store(state, 0, 1);
  await produced;
  if (queue instanceof JoinableQueue) await queue.join();
  queue.shutdown();
  await consumed;
  await pool.terminate();
  const made = Atomics.load(state, 1);
  const out = seen.subarray(0, made).reduce((sum, count) => sum + Math.min(count, 1), 0);
  return { made, seen: out, twice: Atomics.load(state, 2), missing: made - out };
}
