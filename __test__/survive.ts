import { TimeoutError } from 'manycore';
import { expect } from 'vitest';
import { failure, makePool, ref } from './helpers.js';

/** Words of the state that the loops of `fixtures/kills.mjs` share. */
export const Word = { stop: 0, inside: 1, rounds: 2, broken: 3, recovered: 4 };

const loop = (name: string): ReturnType<typeof ref> => ref('kills.mjs', name);

/**
 * Two workers run a loop over a primitive, and a third runs one until it is ended at a random moment, `kills` times. Gives
 * what the two have done in the end.
 */
export async function survive<R>(
  kills: number,
  name: string,
  primitive: object,
  victims: string[] = [name],
): Promise<[Int32Array, R[]]> {
  const state = new Int32Array(new SharedArrayBuffer(32));
  // The time of a victim is to pass in its loop: all that it loads is there before it begins.
  const start = { initializer: loop('loaded'), initArgs: [primitive] };
  const pool = makePool({ processes: 3, ...start, maxRestarts: { count: 10_000, within: 1000 } });
  const survivors = [pool.apply(loop(name), [primitive, state]), pool.apply(loop(name), [primitive, state])];
  for (let kill = 0; kill < kills; kill++) {
    const options = { timeout: 1 + Math.random() * 15, grace: 0 };
    const victim = loop(victims[kill % victims.length] as string);
    expect(await failure(() => pool.apply(victim, [primitive, state], options))).toBeInstanceOf(TimeoutError);
  }
  Atomics.store(state, Word.stop, 1);
  return [state, await Promise.all(survivors)];
}
