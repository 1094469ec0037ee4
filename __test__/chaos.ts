import { Lock, Pool, Queue, RawArray, TimeoutError, WorkerLostError } from 'manycore';
import { expect } from 'vitest';
import { compute as computed, Stage, Word } from './fixtures/chaos.mjs';
import { ref } from './helpers.js';

const task = (name: string): ReturnType<typeof ref> => ref('chaos.mjs', name);
const [compute, locked, produce, consume, stuck] = ['compute', 'locked', 'produce', 'consume', 'stuck'].map(task);
/** Numbers that may be put at all. */
const NUMBERS = 2_000_000;
/** Tasks that are in flight in each pool. */
const IN_FLIGHT = 24;
const KEEP_STARTING = { maxRestarts: { count: 1_000_000, within: 1000 } };

/** What came of it all. */
export interface Account {
  readonly tasks: number;
  readonly lost: number;
  readonly timedOut: number;
  readonly kills: number;
  readonly put: number;
  readonly missing: number;
  readonly recovered: number;
}

/**
 * Threads and child processes share a lock and a queue under full load, and are ended at random moments for `seconds`:
 * threads by time limits, in whatever they do, and children by SIGKILL. Then every task and every item is accounted for.
 */
export async function chaos(seconds: number): Promise<Account> {
  const lock = new Lock();
  const queue = new Queue<unknown>();
  const state = new RawArray('i', 16);
  const stages = new RawArray('b', NUMBERS);
  const seen = new RawArray('b', NUMBERS);
  const pools = (['thread', 'spawn'] as const).map((context) => new Pool({ processes: 2, context, ...KEEP_STARTING }));
  let [tasks, settled, lost, lostTakers, timedOut, kills] = [0, 0, 0, 0, 0, 0];
  const end = performance.now() + seconds * 1000;

  /** One task after the other, until it is time. */
  async function submit(pool: Pool, slot: number): Promise<void> {
    for (let i = slot; performance.now() < end; i++) {
      tasks++;
      const takes = i % 4 === 3 || i % 29 === 0;
      try {
        if (i % 29 === 0)
          await pool.apply(stuck, [lock, state, queue, seen], { timeout: 1 + Math.random() * 30, grace: 0 });
        else if (i % 4 === 0) expect(await pool.apply(compute, [i])).toBe(computed(i));
        else if (i % 4 === 1) await pool.apply(locked, [lock, state, 5]);
        else if (i % 4 === 2) await pool.apply(produce, [queue, state, stages, 20]);
        else await pool.apply(consume, [queue, seen, 30]);
      } catch (error) {
        if (error instanceof TimeoutError) timedOut++;
        else if (error instanceof WorkerLostError) lost++;
        else throw error;
        if (takes) lostTakers++;
      }
      settled++;
    }
  }

  async function kill(): Promise<void> {
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 60));
      const victims = (pools[1] as Pool).workers.filter((worker) => worker.ready);
      const victim = victims[Math.floor(Math.random() * victims.length)];
      if (victim === undefined) continue;
      try {
        process.kill(victim.pid, 'SIGKILL');
        kills++;
      } catch {
        // It has ended just now.
      }
    }
  }

  const running = pools.flatMap((pool) => Array.from({ length: IN_FLIGHT }, (_, slot) => submit(pool, slot)));
  await Promise.all([...running, kill()]);
  expect(settled).toBe(tasks);

  // The pools live on, and the lock is to be had.
  for (const pool of pools) expect(await pool.apply(compute, [7])).toBe(await pools[0]?.apply(compute, [7]));
  await lock.acquire({ recover: true });
  lock.release();
  expect(state[Word.broken]).toBe(0);
  for (const pool of pools) {
    await pool.apply(consume, [queue, seen, NUMBERS]);
    expect(pool.stats().pending).toBe(0);
  }
  await Promise.all(pools.map((pool) => pool.terminate()));

  let [put, missing] = [0, 0];
  for (let number = 0; number < Math.min(state[Word.next] as number, NUMBERS); number++) {
    expect(seen[number], `item ${number}`).toBeLessThanOrEqual(1);
    if (stages[number] !== Stage.put) continue;
    put++;
    if (seen[number] === 0) missing++;
  }
  // Each was in the hands of one that was ended.
  expect(missing).toBeLessThanOrEqual(lostTakers);
  return { tasks, lost, timedOut, kills, put, missing, recovered: state[Word.recovered] as number };
}
