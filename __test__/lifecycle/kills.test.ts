import { Barrier, Condition, Event, Lock, RLock, Semaphore } from 'manycore';
import { describe, expect, test } from 'vitest';
import { until } from '../helpers.js';
import { survive, Word } from '../survive.js';

const KILLS = 20;

describe('a worker that is ended inside a primitive leaves it to the others', () => {
  test.each([Lock, RLock])('%o: never two inside, and it is recovered', async (Kind) => {
    const lock = new Kind();
    const [state, done] = await survive<number>(KILLS, 'lockLoop', lock, ['lockLoop', 'lockLoopLater']);
    expect(done.every((count) => count > 0)).toBe(true);
    expect(state[Word.broken]).toBe(0);
    expect(await lock.acquire({ recover: true })).toBe(true);
    lock.release();
    expect(lock.locked()).toBe(false);
  });

  test.each([1, 2])('Semaphore(%i): its permits come back', async (permits) => {
    const semaphore = new Semaphore(permits);
    const [, done] = await survive<number>(KILLS, 'semaphoreLoop', semaphore, ['semaphoreLoop', 'semaphoreLoopLater']);
    expect(done.every((count) => count > 0)).toBe(true);
    await until(() => semaphore.getValue() === permits);
  });

  test.each([Lock, RLock])('Condition over a %o: notifications reach who is alive', async (Kind) => {
    const condition = new Condition(new Kind());
    const [, done] = await survive<number>(KILLS, 'conditionLoop', condition);
    expect(done.every((count) => count > 0)).toBe(true);
    expect(await condition.acquire({ recover: true })).toBe(true);
    const woken = condition.wait();
    await condition.withLock(() => condition.notify());
    expect(await woken).toBe(true);
    condition.release();
  });

  test('Event: everybody else passes', async () => {
    const event = new Event();
    const [, done] = await survive<number>(KILLS, 'eventLoop', event);
    expect(done.every((count) => count > 0)).toBe(true);
    event.clear();
    const waits = [event.wait(), event.wait()];
    event.set();
    expect(await Promise.all(waits)).toEqual([true, true]);
  });

  test('Barrier: it breaks, and works again after a reset', async () => {
    const barrier = new Barrier(3);
    const [, done] = await survive<{ passed: number; broken: number }>(KILLS, 'barrierLoop', barrier);
    expect(done.some(({ broken }) => broken > 0)).toBe(true);
    barrier.reset();
    expect(barrier.nWaiting).toBe(0);
    expect((await Promise.all([barrier.wait(), barrier.wait(), barrier.wait()])).sort()).toEqual([0, 1, 2]);
  });
});
