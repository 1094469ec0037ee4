import { DeadlockError, Lock, OwnerDiedError, RLock, StateError, TimeoutError, WorkerLostError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, ref, thrown, until, watch } from '../helpers.js';

const task = (name: string) => ref('locks.mjs', name);

describe.each([
  ['Lock', Lock],
  ['RLock', RLock],
] as const)('%s', (_, Kind) => {
  test('arrives in a worker and comes back as the same lock', async () => {
    const pool = makePool(2);
    const lock = new Kind();
    expect(await pool.apply(task('give'), [lock])).toBe(lock);
    expect(await pool.apply(task('same'), [lock, { deep: [lock] }])).toBe(false);
    expect(await pool.apply(task('same'), [lock, lock])).toBe(true);
    const [a, b] = await pool.map(task('give'), [lock, lock], 1);
    expect(a === lock && b === lock).toBe(true);
  });

  test('workers that hold it are alone', async () => {
    const pool = makePool(3);
    const lock = new Kind();
    const numbers = new Int32Array(new SharedArrayBuffer(4));
    const calls = Array.from({ length: 6 }, (_, i) => [lock, numbers, 3000 + i]);
    await Promise.all([
      pool.starmap(task('countUp'), calls, 1),
      pool.starmap(task('countUpLater'), calls.slice(0, 2), 1),
    ]);
    expect(numbers[0]).toBe(6 * 3000 + 15 + 2 * 3000 + 1);
    expect(lock.locked()).toBe(false);
  });

  test('async waiters of one isolate are served in turn', async () => {
    const lock = new Kind();
    const order: number[] = [];
    await lock.acquire();
    const waits = Array.from({ length: 100 }, (_, i) => lock.withLock(async () => void order.push(i)));
    await null;
    lock.release();
    await Promise.all(waits);
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(lock.locked()).toBe(false);
  });

  test('B56 timeouts and signals end a wait and leave the lock as it was', async () => {
    const pool = makePool(1);
    const lock = new Kind();
    await lock.acquire();
    expect(await lock.acquire({ timeout: 5 })).toBe(false);
    expect(lock.acquireSync({ timeout: 5 })).toBe(false);
    expect(await lock.acquire({ timeout: -1 })).toBe(false);
    expect(await failure(() => lock.hold({ timeout: 0 }))).toBeInstanceOf(TimeoutError);
    expect(thrown(() => lock.withLockSync(() => 0, { timeout: 0 }))).toBeInstanceOf(TimeoutError);
    const controller = new AbortController();
    const aborted = lock.acquire({ signal: controller.signal });
    const next = watch(lock.acquire());
    controller.abort(new Error('enough'));
    expect((await failure(() => aborted)).message).toBe('enough');
    expect(await failure(() => lock.acquire({ signal: AbortSignal.abort('now') }))).toBe('now');
    expect(thrown(() => lock.acquireSync({ signal: AbortSignal.abort('now') }))).toBe('now');
    expect(await pool.apply(task('acquireSync'), [lock, { timeout: 5 }])).toBe(false);
    expect(next.settled).toBe(0);
    lock.release();
    await until(() => next.settled === 1);
    expect(next.value).toBe(true);
  });

  test('a blocking wait that only this thread could end throws DeadlockError', async () => {
    const lock = new Kind();
    using guard = await lock.hold();
    expect(guard.held).toBe(true);
    expect(thrown(() => lock.acquireSync())).toBeInstanceOf(DeadlockError);
    expect(thrown(() => lock.withLockSync(() => 0))).toBeInstanceOf(DeadlockError);
  });

  test('B55 a holder that dies leaves the lock to be recovered', async () => {
    const pool = makePool(2);
    const lock = new Kind();
    const holder = pool.apply(task('dieHolding'), [lock, 100]);
    await until(() => lock.locked());
    const waiting = [lock.acquire(), pool.apply(task('acquireSync'), [lock]), pool.apply(task('acquire'), [lock])];
    const errors = Promise.all(waiting.map((wait) => failure(() => wait)));
    expect(await failure(() => holder)).toBeInstanceOf(WorkerLostError);
    for (const error of await errors) expect(error).toBeInstanceOf(OwnerDiedError);
    expect(await failure(() => lock.acquire())).toBeInstanceOf(OwnerDiedError);
    expect(thrown(() => lock.acquireSync())).toBeInstanceOf(OwnerDiedError);
    expect(thrown(() => lock.tryAcquire())).toBeInstanceOf(OwnerDiedError);
    expect(await lock.acquire({ recover: true })).toBe(true);
    expect(lock.recovered).toBe(true);
    lock.release();
    expect(await lock.acquire()).toBe(true);
    expect(lock.recovered).toBe(false);
  });

  test('bad options are named', () => {
    const lock = new Kind();
    expect(thrown(() => lock.acquireSync({ timeOut: 3 } as never)).message).toMatch(/`timeOut`.*`timeout`/);
    expect(thrown(() => lock.acquireSync({ timeout: 'x' } as never))).toBeInstanceOf(TypeError);
    expect(thrown(() => lock.acquireSync(5 as never))).toBeInstanceOf(TypeError);
  });
});

describe('release', () => {
  test('any thread may release a Lock; nobody a free one', async () => {
    const pool = makePool(1);
    const lock = new Lock();
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
    lock.acquireSync();
    await pool.apply(task('release'), [lock]);
    expect(lock.locked()).toBe(false);
  });

  test('only the holder may release an RLock, as often as it took it', async () => {
    const pool = makePool(1);
    const lock = new RLock();
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
    lock.acquireSync();
    lock.acquireSync();
    expect(lock.tryAcquire()).toBe(true);
    expect(await failure(() => pool.apply(task('release'), [lock]))).toBeInstanceOf(StateError);
    lock.release();
    lock.release();
    expect(lock.locked()).toBe(true);
    lock.release();
    expect(lock.locked()).toBe(false);
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
  });

  test('async code takes an RLock once more through its guard only', async () => {
    const lock = new RLock();
    const inner = await lock.withLock(async (guard) => {
      expect(await lock.acquire({ timeout: 5 })).toBe(false);
      expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
      return guard.withLock(async (again) => again.withLock(() => 'inside'));
    });
    expect(inner).toBe('inside');
    expect(lock.locked()).toBe(false);
    const guard = await lock.hold();
    guard.release();
    expect(thrown(() => guard.release())).toBeInstanceOf(StateError);
    expect(await failure(() => guard.withLock(() => 0))).toBeInstanceOf(StateError);
  });
});
