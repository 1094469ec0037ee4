import { BrokenPoolError, RawArray, TimeoutError, WorkerLostError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, Gate, makePool, numbers, ref, spin, square, until, watch } from '../helpers.js';

const failUntil = ref('context.mjs', 'failUntil');

/** Task: ends its worker at the first `bad` runs (slot 3 counts), then returns the number of runs. */
const dieUntil = (shared: Int32Array, good: number): number => {
  const runs = Atomics.add(shared, 3, 1) + 1;
  if (runs < good) process.exit(9);
  return runs;
};

const spinUntil = (shared: Int32Array, good: number): number => {
  const runs = Atomics.add(shared, 3, 1) + 1;
  while (runs < good);
  return runs;
};

describe('retries', () => {
  test('a task that throws is run again, up to `retries` times more', async () => {
    const pool = makePool({ processes: 1, retries: 2 });
    const gate = new Gate();
    expect(await pool.apply(failUntil, [gate.shared, 3])).toBe(3);
    expect(gate.note).toBe(3);
    const hopeless = new Gate();
    const error = await failure(() => pool.apply(failUntil, [hopeless.shared, 100]));
    expect(error.message).toBe('run 3');
    expect(hopeless.note).toBe(3);
  });

  test('currentTask().attempt counts from 1', async () => {
    const pool = makePool({ processes: 1, retries: 5 });
    expect(await pool.apply(failUntil, [new Gate().shared, 1])).toBe(1);
    expect(await pool.apply(failUntil, [new Gate().shared, 4])).toBe(4);
  });

  test('without retries a task runs once', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    expect((await failure(() => pool.apply(failUntil, [gate.shared, 2]))).message).toBe('run 1');
    expect(gate.note).toBe(1);
  });

  test('a call may change the number', async () => {
    const pool = makePool({ processes: 1, retries: 1 });
    expect(await pool.apply(failUntil, [new Gate().shared, 5], { retries: 4 })).toBe(5);
    expect((await failure(() => pool.apply(failUntil, [new Gate().shared, 2], { retries: 0 }))).message).toBe('run 1');
  });

  test('retryOn narrows what is tried again, and sees the error', async () => {
    const pool = makePool({ processes: 1, retries: 5 });
    const gate = new Gate();
    const seen: string[] = [];
    const retryOn = (error: Error): boolean => {
      seen.push(error.message);
      return error.message !== 'run 2';
    };
    const error = await failure(() => pool.apply(failUntil, [gate.shared, 100], { retryOn }));
    expect(error.message).toBe('run 2');
    expect(seen).toEqual(['run 1', 'run 2']);
    expect(gate.note).toBe(2);
  });

  test('a retryOn that throws becomes the rejection', async () => {
    const pool = makePool({ processes: 1, retries: 5 });
    const boom = new Error('in retryOn');
    const retryOn = (): boolean => {
      throw boom;
    };
    expect(await failure(() => pool.apply(failUntil, [new Gate().shared, 2], { retryOn }))).toBe(boom);
    expect(await pool.apply(square, [2])).toBe(4);
  });

  test('backoff is called with the number of the attempt that failed', async () => {
    const pool = makePool({ processes: 1, retries: 3 });
    const attempts: number[] = [];
    const backoff = (attempt: number): number => {
      attempts.push(attempt);
      return 1;
    };
    expect(await pool.apply(failUntil, [new Gate().shared, 4], { backoff })).toBe(4);
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('backoff spaces the attempts; other tasks run meanwhile', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const started = performance.now();
    const call = watch(pool.apply(failUntil, [gate.shared, 2], { retries: 1, backoff: 60 }));
    await until(() => gate.note === 1);
    expect(await pool.apply(square, [3])).toBe(9);
    await until(() => call.settled === 1);
    expect(call.value).toBe(2);
    expect(performance.now() - started).toBeGreaterThanOrEqual(55);
  });

  test('a retry that waits for its backoff is pending: it can be aborted and is terminated', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const controller = new AbortController();
    const options = { retries: 5, backoff: 3_600_000 };
    const aborted = watch(pool.apply(failUntil, [gate.shared, 9], { ...options, signal: controller.signal }));
    await until(() => gate.note === 1);
    controller.abort();
    await until(() => aborted.settled === 1);
    expect(aborted.error).toBe(controller.signal.reason);
    const second = new Gate();
    const terminated = watch(pool.apply(failUntil, [second.shared, 9], options));
    await until(() => second.note === 1);
    await pool.terminate();
    await until(() => terminated.settled === 1);
    expect((terminated.error as { code: string }).code).toBe('ERR_MANYCORE_POOL_TERMINATED');
  });

  test('a timed-out task is run again', async () => {
    // So long that the run that does not spin has the time for it, however busy the machine is.
    const pool = makePool({ processes: 1, timeout: 500, grace: 0, retries: 2 });
    const gate = new Gate();
    expect(await pool.apply(spinUntil, [gate.shared, 3])).toBe(3);
    const error = await failure(() => pool.apply(spin, [new Gate().shared]));
    expect(error).toBeInstanceOf(TimeoutError);
  });

  test('a lost task is run again', async () => {
    const pool = makePool({ processes: 1, retries: 2 });
    expect(await pool.apply(dieUntil, [new Gate().shared, 3])).toBe(3);
    const error = await failure(() => pool.apply(dieUntil, [new Gate().shared, 100]));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error.attempt).toBe(3);
    expect(error.exitCode).toBe(9);
  });

  test('an aborted task is not run again', async () => {
    const pool = makePool({ processes: 1, retries: 5, grace: 0 });
    const gate = new Gate();
    const controller = new AbortController();
    const call = watch(pool.apply(spin, [gate.shared], { signal: controller.signal }));
    await gate.reached();
    controller.abort();
    expect(await pool.apply(square, [2])).toBe(4);
    expect(call.settled).toBe(1);
    expect(gate.entered).toBe(1);
  });

  test('in map only the failing items run again', async () => {
    const pool = makePool({ processes: 2, retries: 3 });
    const runs = new RawArray('i', 10);
    const call = (x: number, shared: Int32Array): number => {
      const count = Atomics.add(shared, x, 1) + 1;
      if (x % 3 === 0 && count < 3) throw new Error(`item ${x}`);
      return x;
    };
    const items = numbers(10).map((x): [number, Int32Array] => [x, runs]);
    expect(await pool.starmap(call, items, 5)).toEqual(numbers(10));
    expect(Array.from(runs)).toEqual(numbers(10).map((x) => (x % 3 === 0 ? 3 : 1)));
  });

  test('in map a worker that dies costs only the item that it ran', async () => {
    const pool = makePool({ processes: 2, retries: 1 });
    const runs = new RawArray('i', 100);
    const call = (x: number, shared: Int32Array): number => {
      const count = Atomics.add(shared, x, 1) + 1;
      if (x % 30 === 10 && count === 1) process.exit(3);
      return x;
    };
    const items = numbers(100).map((x): [number, Int32Array] => [x, runs]);
    expect(await pool.starmap(call, items, 25)).toEqual(numbers(100));
    expect(Array.from(runs)).toEqual(numbers(100).map((x) => (x % 30 === 10 ? 2 : 1)));
  });
});

describe('maxRestarts', () => {
  const exit = ref('death.mjs', 'exit');

  test('past the budget the pool is broken: calls in line and new ones reject, and say why', async () => {
    const pool = makePool({ processes: 1, maxRestarts: { count: 2, within: 600_000 } });
    for (let round = 0; round < 2; round += 1) {
      expect(await failure(() => pool.apply(exit, [7]))).toBeInstanceOf(WorkerLostError);
      expect(await pool.apply(square, [2])).toBe(4);
    }
    const last = watch(pool.apply(exit, [7]));
    const behind = numbers(3).map((x) => watch(pool.apply(square, [x])));
    await until(() => [last, ...behind].every((call) => call.settled === 1));
    expect(last.error).toBeInstanceOf(Error);
    for (const call of behind) expect(call.error).toBeInstanceOf(BrokenPoolError);
    const error = await failure(() => pool.apply(square, [2]));
    expect(error).toBeInstanceOf(BrokenPoolError);
    expect(error.message).toMatch(/2.*died.*600,?000 ms.*exit.*7/);
    expect(await failure(() => pool.map(square, [2]))).toBeInstanceOf(BrokenPoolError);
    await pool.terminate();
    expect(pool.workers).toEqual([]);
  });

  test('count 0: the first death breaks the pool', async () => {
    const pool = makePool({ processes: 2, maxRestarts: { count: 0, within: 600_000 } });
    await failure(() => pool.apply(exit, [1]));
    expect(await failure(() => pool.apply(square, [2]))).toBeInstanceOf(BrokenPoolError);
  });

  test('deaths outside the window are forgotten', async () => {
    const pool = makePool({ processes: 1, maxRestarts: { count: 1, within: 1 } });
    for (let round = 0; round < 4; round += 1) {
      expect(await failure(() => pool.apply(exit, [1]))).toBeInstanceOf(WorkerLostError);
      await new Promise((done) => setTimeout(done, 10));
      expect(await pool.apply(square, [2])).toBe(4);
    }
    expect(pool.stats().restarts).toBe(4);
  });

  test('ten deaths are allowed without the option', async () => {
    const pool = makePool(1);
    for (let round = 0; round < 10; round += 1) await failure(() => pool.apply(exit, [1]));
    expect(await pool.apply(square, [2])).toBe(4);
    await failure(() => pool.apply(exit, [1]));
    expect(await failure(() => pool.apply(square, [2]))).toBeInstanceOf(BrokenPoolError);
  });
});
