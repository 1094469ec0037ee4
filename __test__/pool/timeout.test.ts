import { ProcessError, TimeoutError } from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  collect,
  failure,
  Gate,
  idOf,
  makePool,
  numbers,
  pass,
  passAsync,
  ref,
  sleep,
  spin,
  square,
  threadOf,
  thrown,
  until,
  watch,
} from '../helpers.js';

const never = (): Promise<never> => new Promise(() => {});

/** Task: loops for ever at its first run (slot 3 counts), returns the number of runs afterwards. */
const spinOnce = (shared: Int32Array): number => {
  const runs = Atomics.add(shared, 3, 1) + 1;
  while (runs === 1);
  return runs;
};

describe('timeout and grace', () => {
  test('B27 a synchronous endless loop: TimeoutError, the worker is replaced, the next call runs', async () => {
    const pool = makePool(1);
    const thread = await pool.apply(threadOf);
    const error = await failure(() => pool.apply(spin, [new Gate().shared], { timeout: 10 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toBeInstanceOf(ProcessError);
    expect(error.code).toBe('ERR_MANYCORE_TIMEOUT');
    expect(error.message).toContain('10');
    expect(await pool.apply(threadOf)).not.toBe(thread);
  });

  test('B27 an asynchronous task that never ends', async () => {
    const pool = makePool({ processes: 1, timeout: 10, grace: 1 });
    // A worker's first task imports a module, which takes longer than that on a busy machine.
    const thread = await pool.apply(threadOf, [], { timeout: 60_000 });
    expect(await failure(() => pool.apply(never))).toBeInstanceOf(TimeoutError);
    expect(await pool.apply(threadOf, [], { timeout: 60_000 })).not.toBe(thread);
  });

  test('B29 the time counts from the start of the task, not from the call', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const blocked = pool.apply(pass, [gate.shared]);
    await gate.reached();
    const queued = watch(pool.apply(square, [3], { timeout: 20 }));
    const map = watch(pool.map(square, [1, 2], { timeout: 20 }));
    await sleep(60);
    expect(queued.settled + map.settled).toBe(0);
    gate.open();
    await blocked;
    await until(() => queued.settled === 1 && map.settled === 1);
    expect(queued.value).toBe(9);
    expect(map.value).toEqual([1, 4]);
  });

  test('B31 a task that heeds its signal within grace keeps its worker', async () => {
    const pool = makePool({ processes: 1, timeout: 10, grace: 60_000 });
    const thread = await pool.apply(threadOf, [], { timeout: 60_000 });
    for (const name of ['spinUntilCancelled', 'waitForSignal']) {
      const gate = new Gate();
      const error = await failure(() => pool.apply(ref('context.mjs', name), [gate.shared]));
      expect(error).toBeInstanceOf(TimeoutError);
      await until(() => gate.note === 1);
    }
    expect(await pool.apply(threadOf, [], { timeout: 60_000 })).toBe(thread);
  });

  test('B32 a late result of a timed-out task is never given to a later call', async () => {
    const pool = makePool({ processes: 1, grace: 60_000 });
    for (let round = 0; round < 10; round += 1) {
      const gate = new Gate();
      const late = pool.apply(pass<string>, [gate.shared, `late ${round}`], { timeout: 5 });
      expect(await failure(() => late)).toBeInstanceOf(TimeoutError);
      const next = numbers(20).map((n) => pool.apply((x: number) => `next ${x}`, [n]));
      gate.open();
      expect(await Promise.all(next)).toEqual(numbers(20).map((n) => `next ${n}`));
    }
  });

  test('a call may change the timeout of the pool, in both directions', async () => {
    const pool = makePool({ processes: 1, timeout: 5, grace: 0 });
    const slow = () => new Promise<string>((done) => setTimeout(() => done('slow'), 40));
    expect(await failure(() => pool.apply(slow))).toBeInstanceOf(TimeoutError);
    expect(await pool.apply(slow, [], { timeout: 60_000 })).toBe('slow');
    const other = makePool({ processes: 1, timeout: 60_000, grace: 60_000 });
    expect(await failure(() => other.apply(never, [], { timeout: 1, grace: 0 }))).toBeInstanceOf(TimeoutError);
    expect(await other.apply(square, [3])).toBe(9);
  });

  test('in map the time is per task: the others finish, then the map rejects', async () => {
    const pool = makePool({ processes: 2, grace: 0 });
    const gate = new Gate();
    const call = (x: number, shared: Int32Array): number => {
      while (x === 3);
      Atomics.add(shared, 3, 1);
      return x;
    };
    const items = numbers(20).map((x): [number, Int32Array] => [x, gate.shared]);
    // So long that the others do not reach it, however busy the machine is.
    const timeout = 1000;
    expect(await failure(() => pool.starmap(call, items, { timeout }))).toBeInstanceOf(TimeoutError);
    expect(gate.note).toBe(19);
    const settled = await pool.starmap(call, items, { timeout, settled: true, chunkSize: 5 });
    expect(settled.map((it) => it.status === 'fulfilled')).toEqual(numbers(20).map((x) => x !== 3));
    expect(gate.note).toBe(38);
  });

  test('in imap the error comes at its place and iteration goes on', async () => {
    const pool = makePool({ processes: 2, grace: 0, timeout: 50 });
    const call = (x: number): number => {
      while (x === 1);
      return x;
    };
    const results = pool.imap(call, [0, 1, 2]);
    expect((await results.next()).value).toBe(0);
    expect(await failure(() => results.next())).toBeInstanceOf(TimeoutError);
    expect((await results.next()).value).toBe(2);
    expect((await results.next()).done).toBe(true);
  });

  test('kills by manycore never count as restarts', async () => {
    const pool = makePool({ processes: 1, grace: 0, maxRestarts: { count: 0, within: 60_000 } });
    for (let round = 0; round < 4; round += 1) {
      expect(await failure(() => pool.apply(spin, [new Gate().shared], { timeout: 5 }))).toBeInstanceOf(TimeoutError);
    }
    expect(await pool.apply(square, [3])).toBe(9);
  });

  test('with concurrency: a neighbour survives, unless the event loop is blocked; then it runs again', async () => {
    const pool = makePool({ processes: 1, concurrency: 3, grace: 5 });
    const gate = new Gate();
    const neighbour = pool.apply(passAsync<string>, [gate.shared, 'kept']);
    await gate.reached();
    expect(await failure(() => pool.apply(never, [], { timeout: 5 }))).toBeInstanceOf(TimeoutError);
    await sleep(30);
    expect(gate.entered).toBe(1);
    expect(await failure(() => pool.apply(spin, [new Gate().shared], { timeout: 5 }))).toBeInstanceOf(TimeoutError);
    await gate.reached(2);
    gate.open();
    expect(await neighbour).toBe('kept');
  });

  test('with concurrency: timed-out tasks that never end do not use up the worker', async () => {
    const pool = makePool({ processes: 1, concurrency: 2, grace: 5 });
    for (let round = 0; round < 3; round += 1) {
      const calls = [pool.apply(never, [], { timeout: 5 }), pool.apply(never, [], { timeout: 5 })];
      for (const call of calls) expect(await failure(() => call)).toBeInstanceOf(TimeoutError);
      expect(await pool.map(square, numbers(5))).toEqual(numbers(5).map(square));
    }
  });

  test('with concurrency: a timed-out task that never ends goes when its neighbours are done', async () => {
    const pool = makePool({ processes: 1, concurrency: 2, grace: 5 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const neighbour = pool.apply(passAsync<string>, [gate.shared, 'kept']);
    await gate.reached();
    expect(await failure(() => pool.apply(never, [], { timeout: 5 }))).toBeInstanceOf(TimeoutError);
    await sleep(30);
    gate.open();
    expect(await neighbour).toBe('kept');
    await until(() => pool.workers.length === 1 && idOf(pool.workers[0]) !== thread);
    expect(gate.entered).toBe(1);
    expect(await pool.map(square, numbers(5))).toEqual(numbers(5).map(square));
  });

  test('a task within its time is not touched', async () => {
    const pool = makePool({ processes: 2, timeout: 60_000 });
    const threads = new Set(await pool.map(threadOf, numbers(200), 1));
    expect(threads.size).toBeLessThanOrEqual(2);
    expect((await collect(pool.imap(square, numbers(200)))).length).toBe(200);
  });

  test('applySync and mapSync: a timeout ends an endless loop, though this thread is blocked', async () => {
    const pool = makePool({ processes: 1, grace: 0 });
    expect(thrown(() => pool.applySync(spin, [new Gate().shared], { timeout: 10 }))).toBeInstanceOf(TimeoutError);
    expect(pool.applySync(square, [3])).toBe(9);
    const gate = new Gate();
    // Long enough for a busy machine to get into the function.
    expect(thrown(() => pool.mapSync(spinOnce, [gate.shared], { timeout: 500 }))).toBeInstanceOf(TimeoutError);
    expect(pool.applySync(spinOnce, [gate.shared])).toBe(2);
    expect(await pool.apply(square, [4])).toBe(16);
  });
});
