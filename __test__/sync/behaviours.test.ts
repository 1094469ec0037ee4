import { Barrier, Condition, Lock, OwnerDiedError, Pool, RLock, Semaphore, Value } from 'manycore';
import { expect, test } from 'vitest';
import { failure, makePool, ref, thrown, until } from '../helpers.js';

const task = (name: string) => ref('sync.mjs', name);
const counters = (length = 4): Int32Array => new Int32Array(new SharedArrayBuffer(length * 4));

test('B55 a million increments from four threads, without and with a lock', async () => {
  const pool = makePool(4);
  const [atomic, locked] = [new Value('d'), new Value('i')];
  await pool.starmap(task('addOne'), Array(4).fill([atomic, 250_000]), 1);
  expect(atomic.value).toBe(1_000_000);
  const increment = (value: Value<'i'>, times: number) => {
    for (let i = 0; i < times; i++) value.withLockSync(() => value.value++);
  };
  await pool.starmap(increment, Array(4).fill([locked, 10_000]), 1);
  expect(locked.value).toBe(40_000);
});

test.each([Lock, RLock])('B55 a lock is released after a throw, in a worker too (%o)', async (Kind) => {
  const pool = makePool(1);
  const lock = new Kind();
  const fails = (lock: Lock | RLock) =>
    lock.withLockSync(() => {
      throw new RangeError('inside');
    });
  expect(await failure(() => pool.apply(fails, [lock]))).toBeInstanceOf(RangeError);
  expect(thrown(() => fails(lock))).toBeInstanceOf(RangeError);
  expect(lock.locked()).toBe(false);
});

test('B58 permits bound how many are inside, in all workers together', async () => {
  const pool = makePool({ processes: 3, concurrency: 8 });
  const counts = counters();
  await pool.starmap(task('withPermit'), Array(100).fill([new Semaphore(3), counts]), 1);
  expect([counts[0], counts[2]]).toEqual([0, 100]);
  expect(counts[1]).toBeLessThanOrEqual(3);
});

test('B59 a barrier of eight passes two thousand times', async () => {
  const pool = makePool(8);
  const [rounds, barrier] = [2000, new Barrier(8)];
  const arrived = counters(rounds);
  const all: number[][] = await pool.starmap(task('passSync'), Array(8).fill([barrier, arrived, rounds]), 1);
  expect(arrived.every((count) => count === 8)).toBe(true);
  for (let round = 0; round < rounds; round++) {
    expect(all.reduce((sum, indices) => sum + (indices[round] as number), 0)).toBe(28);
  }
});

test('B60 a condition loses no wake-up: two threads take turns', async () => {
  const pool = makePool(2);
  const [condition, state, rounds] = [new Condition(), counters(2), 2000];
  const calls = [0, 1].map((me) => pool.apply(task('takeTurns'), [condition, state, me, rounds]));
  await Promise.all(calls);
  expect([...state]).toEqual([0, 2 * rounds]);
});

test('permits that a worker took as signals stay taken when it ends by itself, and come back when it is ended in a task', async () => {
  const semaphore = new Semaphore(0);
  const take = (semaphore: Semaphore, times: number) => {
    for (let i = 0; i < times; i++) semaphore.acquireSync();
  };
  const takeAndHang = (semaphore: Semaphore) => {
    semaphore.acquireSync();
    for (;;);
  };
  const pool = new Pool({ processes: 1, maxTasksPerChild: 1 });
  semaphore.release(5);
  await pool.apply(take, [semaphore, 3]);
  await pool.apply(take, [semaphore, 1]);
  pool.close();
  await pool.join();
  expect(semaphore.getValue()).toBe(1);
  await failure(() => makePool(1).apply(takeAndHang, [semaphore], { timeout: 200, grace: 0 }));
  await until(() => semaphore.getValue() === 1);
});

test('a guard does not free a lock that was lost while its condition waited', async () => {
  const pool = makePool(1);
  const lock = new Lock();
  const condition = new Condition(lock);
  const waiting = failure(() => condition.withLock(() => condition.wait()));
  await until(() => !lock.locked());
  const die = (condition: Condition) => {
    condition.acquireSync();
    condition.notify();
    process.exit(3);
  };
  await failure(() => pool.apply(die, [condition]));
  expect(await waiting).toBeInstanceOf(OwnerDiedError);
  expect(await failure(() => lock.acquire())).toBeInstanceOf(OwnerDiedError);
  expect(await lock.acquire({ recover: true })).toBe(true);
  expect(lock.recovered).toBe(true);
});
