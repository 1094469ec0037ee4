import { Condition, Lock, OwnerDiedError, RLock, StateError, WorkerLostError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, ref, sleep, until, watch } from '../helpers.js';

const counters = (): Int32Array => new Int32Array(new SharedArrayBuffer(16));

describe.each([Lock, RLock])('a condition over a %o', (Kind) => {
  test('a wait() without `await` in withLock is told, and leaves the lock free', async () => {
    const condition = new Condition(new Kind());
    let forgotten: Promise<boolean> | undefined;
    await condition.withLock(() => {
      forgotten = condition.wait();
    });
    const error = await failure(() => forgotten);
    expect(error).toBeInstanceOf(StateError);
    expect(error.message).toContain('`await`');
    expect(condition.tryAcquire()).toBe(true);
    condition.release();
  });

  test('a forgotten wait() takes neither the lock of the next holder nor a notification', async () => {
    const condition = new Condition(new Kind());
    const waiting = watch(condition.withLock(() => condition.wait()));
    const forgotten: Promise<boolean>[] = [];
    await condition.withLock(() => {
      forgotten.push(condition.wait());
    });
    await condition.withLock(async () => {
      await failure(() => Promise.race([forgotten[0], sleep(5).then(() => Promise.reject(new Error('late')))]));
      expect(condition.tryAcquire()).toBe(false);
      condition.notify();
    });
    await until(() => waiting.settled === 1);
    expect(waiting.value).toBe(true);
    expect(await failure(() => forgotten[0])).toBeInstanceOf(StateError);
    expect(condition.tryAcquire()).toBe(true);
  });

  test('a wait() that is awaited later, but within withLock, is none that was forgotten', async () => {
    const condition = new Condition(new Kind());
    const waiting = condition.withLock(async () => {
      const wait = condition.wait();
      await sleep(5);
      return wait;
    });
    await sleep(1);
    await condition.withLock(() => condition.notify());
    expect(await waiting).toBe(true);
    expect(condition.tryAcquire()).toBe(true);
  });

  test('an abort after the notification passes it on', async () => {
    const condition = new Condition(new Kind());
    const controller = new AbortController();
    const aborted = watch(condition.withLock(() => condition.wait({ signal: controller.signal })));
    const next = watch(condition.withLock(() => condition.wait()));
    await condition.withLock(() => {
      // The first one is woken in a later turn.
      controller.abort(new Error('enough'));
      condition.notify();
    });
    await until(() => aborted.settled === 1 && next.settled === 1);
    expect(aborted.error).toMatchObject({ message: 'enough' });
    expect(next.value).toBe(true);
  });

  test('a waiter whose lock was lost with its holder leaves no seat that takes a notification', async () => {
    const pool = makePool(2);
    const lock = new Kind();
    const condition = new Condition(lock);
    // The first waits in this thread, the second in a worker; the lock dies with a third.
    const controller = new AbortController();
    const lost = watch(condition.withLock(() => condition.wait({ signal: controller.signal })));
    const counts = counters();
    const woken = watch(pool.apply(ref('sync.mjs', 'sleepOn'), [condition, counts]));
    while ((await condition.withLock(() => counts[0])) === 0) await sleep(1);
    const holder = watch(pool.apply(ref('locks.mjs', 'dieHolding'), [condition, 30]));
    await until(() => lock.locked());
    controller.abort();
    await until(() => holder.settled === 1);
    expect(holder.error).toBeInstanceOf(WorkerLostError);
    await until(() => lost.settled === 1);
    expect(lost.error).toBeInstanceOf(OwnerDiedError);
    // It is still to be recovered.
    expect(await failure(() => condition.acquire())).toBeInstanceOf(OwnerDiedError);
    expect(await condition.acquire({ recover: true })).toBe(true);
    condition.notify();
    condition.release();
    await until(() => woken.settled === 1);
    expect(woken.value).toBe(true);
  });

  test('a notification that was for a waiter whose lock was lost goes to the next', async () => {
    const pool = makePool(1);
    const condition = new Condition(new Kind());
    const waits = [0, 1].map(() => watch(condition.withLock(() => condition.wait())));
    await sleep(1);
    // Notifies one, and dies with the lock.
    await failure(() => pool.apply(ref('sync.mjs', 'notifyAndDie'), [condition]));
    await until(() => waits.some((wait) => wait.settled === 1));
    const [first, second] = waits;
    expect(first.error).toBeInstanceOf(OwnerDiedError);
    // Whoever comes next is notified in its place: and finds the lock as it is.
    await until(() => second.settled === 1);
    expect(second.error).toBeInstanceOf(OwnerDiedError);
  });
});
