import { inspect } from 'node:util';
import { Barrier, BrokenBarrierError, Condition, DeadlockError, Event, Lock, Queue, RLock, StateError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, makePool, ref, runScript, sleep, thrown, until, watch } from '../helpers.js';

const task = (name: string) => ref('sync.mjs', name);
const counters = (length = 4): Int32Array => new Int32Array(new SharedArrayBuffer(length * 4));

describe.each([Lock, RLock])('conditions over a %o', (Kind) => {
  test('64 notify wakes one sleeper each time', async () => {
    const pool = makePool(2);
    const condition = new Condition(new Kind());
    const counts = counters();
    const calls = [task('sleepOn'), task('sleepOnSync')].map((fn) => pool.apply(fn, [condition, counts]));
    const inside = () => condition.withLock(() => counts[0]);
    while ((await inside()) < 2) await sleep(1);
    expect(counts[1]).toBe(0);
    await condition.withLock(() => condition.notify());
    await until(() => counts[1] === 1);
    await sleep(20);
    expect(counts[1]).toBe(1);
    await condition.withLock(() => condition.notify());
    expect(await Promise.all(calls)).toEqual([true, true]);
  });

  test('65 notifyAll wakes all sleepers; those whose time was up are not among them', async () => {
    const pool = makePool({ processes: 3, concurrency: 4 });
    const condition = new Condition(new Kind());
    const counts = counters();
    const late = Array.from({ length: 6 }, () => pool.apply(task('sleepOn'), [condition, counts, { timeout: 10 }]));
    expect(await Promise.all(late)).toEqual(Array(6).fill(false));
    const calls = Array.from({ length: 6 }, () => pool.apply(task('sleepOn'), [condition, counts]));
    while ((await condition.withLock(() => counts[0])) < 12) await sleep(1);
    expect(counts[1]).toBe(6);
    await condition.withLock(() => condition.notifyAll());
    expect(await Promise.all(calls)).toEqual(Array(6).fill(true));
    await condition.withLock(() => condition.notify());
    expect(await condition.withLock(() => condition.wait({ timeout: 10 }))).toBe(false);
  });

  test('66 notify(n) wakes n sleepers', async () => {
    const condition = new Condition(new Kind());
    const woken: number[] = [];
    const calls = Array.from({ length: 6 }, (_, i) =>
      condition.withLock(async () => {
        expect(await condition.wait()).toBe(true);
        woken.push(i);
      }),
    );
    await sleep(5);
    await condition.withLock(() => condition.notify(2));
    await until(() => woken.length === 2);
    await condition.withLock(() => condition.notify(4));
    await Promise.all(calls);
    expect(woken).toEqual([0, 1, 2, 3, 4, 5]);
    await condition.withLock(() => condition.notify(3));
    expect(thrown(() => condition.notify(0))).toBeInstanceOf(RangeError);
  });

  test('67 timeout of a condition', async () => {
    const condition = new Condition(new Kind());
    expect(await condition.withLock(() => condition.wait({ timeout: 10 }))).toBe(false);
    expect(condition.withLockSync(() => condition.waitSync({ timeout: 10 }))).toBe(false);
  });

  test.each(['waitForValue', 'waitForValueSync'])('68 waitFor: a worker waits for a state (%s)', async (name) => {
    const pool = makePool(1);
    const condition = new Condition(new Kind());
    const state = counters(1);
    const call = pool.apply(task(name), [condition, state, 4]);
    for (let i = 0; i < 4; i++) {
      await sleep(5);
      await condition.withLock(() => {
        state[0] = (state[0] ?? 0) + 1;
        condition.notify();
      });
    }
    expect(await call).toBe(true);
  });

  test.each(['waitForValue', 'waitForValueSync'])('69 waitFor gives up in the end (%s)', async (name) => {
    const pool = makePool(1);
    const condition = new Condition(new Kind());
    const state = counters(1);
    const call = pool.apply(task(name), [condition, state, 4, { timeout: 100 }]);
    for (let i = 0; i < 3; i++) {
      await sleep(5);
      await condition.withLock(() => {
        state[0] = (state[0] ?? 0) + 1;
        condition.notify();
      });
    }
    expect(await call).toBe(false);
  });

  test('70 what wait answers; a signal ends it, with the lock held again', async () => {
    const condition = new Condition(new Kind());
    await condition.withLock(async () => {
      expect(await condition.wait({ timeout: 0 })).toBe(false);
      const controller = new AbortController();
      setTimeout(() => controller.abort('enough'), 5);
      expect(await failure(() => condition.wait({ signal: controller.signal }))).toBe('enough');
      condition.notify();
    });
    expect(thrown(() => condition.withLockSync(() => condition.waitSync()))).toBeInstanceOf(DeadlockError);
  });

  test('71 wait and notify without the lock', async () => {
    const condition = new Condition(new Kind());
    expect(await failure(() => condition.wait({ timeout: 1 }))).toBeInstanceOf(StateError);
    expect(thrown(() => condition.waitSync({ timeout: 1 }))).toBeInstanceOf(StateError);
    expect(thrown(() => condition.notify())).toBeInstanceOf(StateError);
    expect(thrown(() => condition.notifyAll())).toBeInstanceOf(StateError);
    expect(await failure(() => condition.waitFor(() => true))).toBeInstanceOf(StateError);
    expect(thrown(() => new Condition({} as never))).toBeInstanceOf(TypeError);
  });
});

describe('events', () => {
  test('72 event: set, clear, wait with and without a time', async () => {
    const pool = makePool(2);
    const event = new Event();
    expect(event.isSet()).toBe(false);
    for (const timeout of [0, 10]) {
      expect(await event.wait({ timeout })).toBe(false);
      expect(event.waitSync({ timeout })).toBe(false);
    }
    event.set();
    expect(event.isSet()).toBe(true);
    expect([await event.wait(), event.waitSync(), await event.wait({ timeout: 0 })]).toEqual([true, true, true]);
    event.clear();
    expect(event.isSet()).toBe(false);
    const sync = pool.apply(task('call'), [event, 'waitSync']);
    await pool.apply(task('setLater'), [event, 20]);
    expect([await sync, await event.wait(), event.waitSync()]).toEqual([true, true, true]);
  });

  test('73 set releases everybody who waits, even if clear follows at once', async () => {
    const pool = makePool({ processes: 3, concurrency: 2 });
    const event = new Event();
    for (let round = 0; round < 5; round++) {
      const here = Array.from({ length: 10 }, () => event.wait());
      const there = Array.from({ length: 4 }, () => watch(pool.apply(task('call'), [event, 'wait'])));
      const sync = watch(pool.apply(task('call'), [event, 'waitSync']));
      await sleep(30);
      event.set();
      event.clear();
      expect(await Promise.all(here)).toEqual(Array(10).fill(true));
      // Who came too late for that set waits for the next.
      while ([...there, sync].some((call) => call.settled === 0)) {
        event.set();
        event.clear();
        await sleep(5);
      }
    }
    expect(thrown(() => new Event().waitSync())).toBeInstanceOf(DeadlockError);
  });

  test('74 what an event looks like', () => {
    const event = new Event();
    expect(inspect(event)).toBe('Event {not set}');
    event.set();
    expect(inspect(event)).toBe('Event {set}');
  });
});

describe('barriers of five', () => {
  const five = <T>(fn: (i: number) => T): T[] => Array.from({ length: 5 }, (_, i) => fn(i));
  const names = ['pass', 'passSync', 'pass', 'passSync'];
  /** Five that pass: four in workers, one here. */
  const all = (barrier: Barrier, rounds: number) => {
    const pool = makePool(4);
    const arrived = counters(rounds);
    const here = async () => {
      const indices: number[] = [];
      for (let round = 0; round < rounds; round++) {
        Atomics.add(arrived, round, 1);
        indices.push(await barrier.wait());
      }
      return indices;
    };
    return Promise.all([...names.map((name) => pool.apply(task(name), [barrier, arrived, rounds])), here()]);
  };

  test.each([1, 10])('75 barrier: %i rounds in lock-step', async (rounds) => {
    const barrier = new Barrier(5);
    await all(barrier, rounds);
    expect([barrier.nWaiting, barrier.broken, barrier.parties]).toEqual([0, false, 5]);
  });

  test('76 wait gives each another number', async () => {
    const rounds = (await all(new Barrier(5), 4)) as number[][];
    for (let round = 0; round < 4; round++) {
      expect(rounds.map((indices) => indices[round]).sort()).toEqual([0, 1, 2, 3, 4]);
    }
  });

  test('77 the action runs once in each round, before anybody passes', async () => {
    const scope = globalThis as { actions?: number };
    const barrier = new Barrier(5, {
      action: async () => {
        await null;
        const scope = globalThis as { actions?: number };
        scope.actions = (scope.actions ?? 0) + 1;
      },
    });
    for (let round = 1; round <= 3; round++) {
      await Promise.all(five(() => barrier.wait().then(() => expect(scope.actions).toBe(round))));
    }
    const fails = new Barrier(2, {
      action: () => {
        throw new RangeError('action');
      },
    });
    const ends = await Promise.allSettled([fails.wait(), fails.wait()]);
    const reasons = ends.map((end) => (end as PromiseRejectedResult).reason);
    expect(reasons.filter((reason) => reason instanceof BrokenBarrierError).length).toBe(1);
    expect(reasons.filter((reason) => reason instanceof RangeError).length).toBe(1);
    expect(fails.broken).toBe(true);
  });

  test('77 while the action runs nobody is late', async () => {
    const barrier = new Barrier(3, { timeout: 100, action: () => new Promise((done) => setTimeout(done, 200)) });
    expect((await Promise.all([1, 2, 3].map(() => barrier.wait()))).sort()).toEqual([0, 1, 2]);
    expect(barrier.broken).toBe(false);
  });

  test('77 a barrier with an action may be the first thing that a program makes', async () => {
    const { code, stdout, stderr } = await runScript('barrier-first.mjs');
    expect([code, stdout, stderr]).toEqual([0, 'acted\n0\n', '']);
  });

  test('77 an action travels with its barrier', async () => {
    const pool = makePool(2);
    const barrier = new Barrier(3, { action: () => console.log });
    const calls = [pool.apply(task('tryToPass'), [barrier]), pool.apply(task('tryToPass'), [barrier])];
    expect([await barrier.wait(), ...(await Promise.all(calls))].sort()).toEqual([0, 1, 2]);
  });

  test('78 abort: the others get BrokenBarrierError', async () => {
    const pool = makePool(5);
    const barrier = new Barrier(5);
    const calls = Array.from({ length: 4 }, () => pool.apply(task('tryToPass'), [barrier]));
    await pool.apply(task('abortWhenAllWait'), [barrier]);
    expect(await Promise.all(calls)).toEqual(Array(4).fill('BrokenBarrierError'));
    expect(barrier.broken).toBe(true);
    expect(await failure(() => barrier.wait())).toBeInstanceOf(BrokenBarrierError);
  });

  test('79 reset: those who wait get BrokenBarrierError, and it works again', async () => {
    const pool = makePool(5);
    const barrier = new Barrier(5);
    const calls = Array.from({ length: 4 }, () => pool.apply(task('tryToPass'), [barrier]));
    await pool.apply(task('resetWhenAllWait'), [barrier]);
    expect(await Promise.all(calls)).toEqual(Array(4).fill('BrokenBarrierError'));
    expect(barrier.broken).toBe(false);
    expect((await Promise.all(five(() => barrier.wait()))).sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test('80 abort and reset, and pass again', async () => {
    const barrier = new Barrier(5);
    const waits = Array.from({ length: 4 }, () => failure(() => barrier.wait()));
    await until(() => barrier.nWaiting === 4);
    barrier.abort();
    for (const error of await Promise.all(waits)) expect(error).toBeInstanceOf(BrokenBarrierError);
    barrier.reset();
    expect(barrier.broken).toBe(false);
    expect((await Promise.all(five(() => barrier.wait()))).sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test('81 a time that is up breaks it for all; so does the default time', async () => {
    const pool = makePool(3);
    for (const barrier of [new Barrier(5), new Barrier(5, { timeout: 50 })]) {
      const options = barrier === undefined ? undefined : { timeout: 50 };
      const calls = Array.from({ length: 3 }, () => pool.apply(task('tryToPass'), [barrier]));
      const here = failure(() => barrier.wait(options));
      expect(await Promise.all(calls)).toEqual(Array(3).fill('BrokenBarrierError'));
      expect(await here).toBeInstanceOf(BrokenBarrierError);
      expect(barrier.broken).toBe(true);
    }
  });

  test('82 a barrier of one lets pass at once', async () => {
    const barrier = new Barrier(1);
    expect([await barrier.wait(), barrier.waitSync()]).toEqual([0, 0]);
    expect(thrown(() => new Barrier(0))).toBeInstanceOf(RangeError);
    expect(thrown(() => new Barrier(2).waitSync())).toBeInstanceOf(DeadlockError);
  });

  test('83 a thousand rounds of five threads, each told of in order', async () => {
    const pool = makePool(5);
    const [barrier, lock, queue] = [new Barrier(5), new Lock(), new Queue<number>()];
    const rounds = 200;
    const calls = pool.starmap(
      task('announce'),
      Array.from({ length: 5 }, () => [barrier, lock, queue, rounds]),
      1,
    );
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 5; i++) expect(await queue.get()).toBe(round);
    }
    await calls;
  });
});
