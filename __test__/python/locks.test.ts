import { readdirSync } from 'node:fs';
import { inspect } from 'node:util';
import { BoundedSemaphore, DeadlockError, Lock, RLock, Semaphore, StateError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, ref, thrown, until, watch } from '../helpers.js';

const task = (name: string) => ref('sync.mjs', name);
const counters = (length = 4): Int32Array => new Int32Array(new SharedArrayBuffer(length * 4));

describe('locks', () => {
  test('48 lock: taken once, released once', () => {
    const lock = new Lock();
    expect(lock.acquireSync()).toBe(true);
    expect(lock.tryAcquire()).toBe(false);
    lock.release();
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
  });

  test('49 rlock: taken three times, released three times, and no fourth', () => {
    const lock = new RLock();
    for (let i = 0; i < 3; i++) expect(lock.acquireSync()).toBe(true);
    for (let i = 0; i < 3; i++) lock.release();
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
  });

  test.each([Lock, RLock])('50 context: released at the end of the block, after an error too (%o)', async (Kind) => {
    const lock = new Kind();
    {
      using guard = await lock.hold();
      expect(guard.held && lock.locked()).toBe(true);
    }
    expect(lock.locked()).toBe(false);
    const fails = () => {
      throw new Error('inside');
    };
    expect((await failure(() => lock.withLock(fails))).message).toBe('inside');
    expect(thrown(() => lock.withLockSync(fails)).message).toBe('inside');
    expect(lock.locked()).toBe(false);
  });

  test.each([Lock, RLock])('51 locked is seen by the holder and elsewhere (%o)', async (Kind) => {
    const pool = makePool(1);
    const lock = new Kind();
    expect(await pool.apply(task('call'), [lock, 'locked'])).toBe(false);
    lock.acquireSync();
    expect(lock.locked()).toBe(true);
    expect(await pool.apply(task('call'), [lock, 'locked'])).toBe(true);
  });

  test.each([Lock, RLock])('52 what it looks like names who holds it (%o)', async (Kind) => {
    const pool = makePool(1);
    const lock = new Kind();
    expect(inspect(lock)).toContain('free');
    await pool.apply(task('call'), [lock, 'acquireSync']);
    expect(inspect(lock)).toContain('held by another thread');
  });

  test('53 tried from another worker while it is held', async () => {
    const pool = makePool(1);
    const lock = new Lock();
    lock.acquireSync();
    expect(await pool.apply(task('call'), [lock, 'tryAcquire'])).toBe(false);
    lock.release();
    expect(await pool.apply(task('call'), [lock, 'tryAcquire'])).toBe(true);
  });

  test.each([Lock, RLock])('54 many wait for one lock, and have it one after the other (%o)', async (Kind) => {
    const pool = makePool(4);
    const lock = new Kind();
    const counts = counters();
    lock.acquireSync();
    const calls = watch(
      pool.starmap(
        task('inside'),
        Array.from({ length: 8 }, () => [lock, counts, 1]),
        1,
      ),
    );
    expect(await pool.apply(() => 'busy or not', [], { signal: AbortSignal.timeout(20) }).catch(() => 'busy')).toBe(
      'busy',
    );
    expect([counts[2], calls.settled]).toEqual([0, 0]);
    lock.release();
    await until(() => calls.settled === 1);
    expect([...counts.slice(0, 3)]).toEqual([0, 1, 8]);
  });

  test('55 ten thousand contended waits cost no threads', async () => {
    const lock = new Lock();
    await lock.acquire();
    const threads = () => readdirSync('/proc/self/task').length;
    const before = threads();
    const waits = Array.from({ length: 10_000 }, () => lock.withLock(() => 1));
    expect(threads()).toBeLessThanOrEqual(before);
    lock.release();
    expect((await Promise.all(waits)).length).toBe(10_000);
    expect(threads()).toBeLessThanOrEqual(before);
  });

  test('56 a timeout of a lock; and a lock that is released in time', async () => {
    const pool = makePool(1);
    const lock = new Lock();
    lock.acquireSync();
    expect(await pool.apply(task('call'), [lock, 'acquireSync', { timeout: 10 }])).toBe(false);
    expect(await pool.apply(task('call'), [lock, 'acquire', { timeout: 10 }])).toBe(false);
    const later = pool.apply(task('call'), [lock, 'acquireSync', { timeout: 60_000 }]);
    setTimeout(() => lock.release(), 20);
    expect(await later).toBe(true);
  });

  test('57 another thread may release a Lock, but not an RLock', async () => {
    const pool = makePool(1);
    const [lock, rlock] = [new Lock(), new RLock()];
    lock.acquireSync();
    rlock.acquireSync();
    await pool.apply(task('call'), [lock, 'release']);
    expect(lock.locked()).toBe(false);
    expect(await failure(() => pool.apply(task('call'), [rlock, 'release']))).toBeInstanceOf(StateError);
    expect(rlock.locked()).toBe(true);
  });

  test('58 a wait whose time was up leaves the lock as it was', async () => {
    const pool = makePool(1);
    const lock = new Lock();
    lock.acquireSync();
    expect(await pool.apply(task('call'), [lock, 'acquireSync', { timeout: 5 }])).toBe(false);
    lock.release();
    expect(await pool.apply(task('call'), [lock, 'acquireSync'])).toBe(true);
  });

  test('59 an RLock that nobody holds cannot be released; it counts how often it was taken', async () => {
    const pool = makePool(1);
    const lock = new RLock();
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
    lock.acquireSync();
    lock.acquireSync();
    lock.release();
    expect(await pool.apply(task('call'), [lock, 'tryAcquire'])).toBe(false);
    lock.release();
    expect(thrown(() => lock.release())).toBeInstanceOf(StateError);
  });
});

describe('semaphores', () => {
  test.each([Semaphore, BoundedSemaphore])('60 semaphore: counts down to zero and up again (%o)', (Kind) => {
    const semaphore = new Kind(2);
    expect([semaphore.acquireSync(), semaphore.getValue()]).toEqual([true, 1]);
    expect([semaphore.acquireSync(), semaphore.getValue()]).toEqual([true, 0]);
    expect([semaphore.tryAcquire(), semaphore.getValue()]).toEqual([false, 0]);
    semaphore.release();
    semaphore.release();
    expect(semaphore.getValue()).toBe(2);
    if (Kind === BoundedSemaphore) return;
    semaphore.release();
    semaphore.release();
    expect(semaphore.getValue()).toBe(4);
  });

  test('61 bounded semaphore: never more than at first', async () => {
    const pool = makePool(1);
    const semaphore = new BoundedSemaphore(2);
    expect(thrown(() => semaphore.release())).toBeInstanceOf(StateError);
    semaphore.acquireSync();
    expect(thrown(() => semaphore.release(2))).toBeInstanceOf(StateError);
    semaphore.release();
    expect(await failure(() => pool.apply(task('call'), [semaphore, 'release']))).toBeInstanceOf(StateError);
    expect(semaphore.getValue()).toBe(2);
    expect(thrown(() => new BoundedSemaphore(0).release())).toBeInstanceOf(StateError);
  });

  test('62 timeout of a semaphore: five forms that answer false', async () => {
    const semaphore = new Semaphore(0);
    expect(semaphore.tryAcquire()).toBe(false);
    for (const timeout of [0, -5, 10]) {
      expect(await semaphore.acquire({ timeout })).toBe(false);
      expect(semaphore.acquireSync({ timeout })).toBe(false);
    }
    expect(thrown(() => semaphore.acquireSync())).toBeInstanceOf(DeadlockError);
  });

  test('63 semaphore: checks its value, waits in many workers, gives many permits at once, 1 by default', async () => {
    for (const value of [-1, 1.5, Number.NaN, 2 ** 30])
      expect(thrown(() => new Semaphore(value))).toBeInstanceOf(RangeError);
    expect(thrown(() => new Semaphore('1' as never))).toBeInstanceOf(TypeError);
    expect(new Semaphore().getValue()).toBe(1);
    const pool = makePool(4);
    const semaphore = new Semaphore(0);
    expect(thrown(() => semaphore.release(0))).toBeInstanceOf(RangeError);
    const calls = Array.from({ length: 4 }, (_, i) =>
      watch(pool.apply(task('call'), [semaphore, i % 2 === 0 ? 'acquireSync' : 'acquire'])),
    );
    const here = watch(semaphore.acquire());
    const settled = () => [...calls, here].filter((call) => call.settled === 1).length;
    semaphore.release(3);
    await until(() => settled() === 3);
    expect(semaphore.getValue()).toBe(0);
    semaphore.release(2);
    await until(() => settled() === 5);
    expect(semaphore.getValue()).toBe(0);
  });
});
