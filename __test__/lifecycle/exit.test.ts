import { WorkerLostError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, Gate, idOf, makePool, numbers, pass, ref, square, until, watch } from '../helpers.js';

const exit = ref('death.mjs', 'exit');

describe('B35 process.exit in a worker', () => {
  for (const code of [0, 1, 3, 255]) {
    test(`B35 in a task, with code ${code}: that call rejects, the pool goes on`, async () => {
      const pool = makePool(2);
      await pool.ready();
      const error = await failure(() => pool.apply(exit, [code]));
      expect(error).toBeInstanceOf(WorkerLostError);
      expect(error.code).toBe('ERR_MANYCORE_WORKER_LOST');
      expect(error).toMatchObject({ exitCode: code, signal: null, index: 0, attempt: 1 });
      expect(typeof error.reason).toBe('string');
      expect(error.message).toContain(String(code));
      expect(await pool.map(square, numbers(20))).toEqual(numbers(20).map(square));
      await until(() => pool.workers.length === 2);
    });
  }

  test('B35 in an asynchronous task', async () => {
    const pool = makePool(1);
    const later = async (): Promise<void> => {
      await new Promise((done) => setTimeout(done, 2));
      process.exit(11);
    };
    expect((await failure(() => pool.apply(later))).exitCode).toBe(11);
    expect(await pool.apply(square, [2])).toBe(4);
  });

  test('B35 outside of a task: the worker is replaced, no call is harmed', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const before = pool.workers.length;
    expect(before).toBe(0);
    expect(await pool.apply(ref('death.mjs', 'exitLater'), [gate.shared, 5])).toBe('returned');
    const [thread] = pool.workers.map(idOf);
    await until(() => gate.left === 1);
    await until(() => pool.workers.length === 1 && idOf(pool.workers[0]) !== thread);
    expect(await pool.apply(square, [4])).toBe(16);
    expect(pool.stats().restarts).toBe(1);
  });

  test('B35 what waited behind a dead worker is run by its replacement', async () => {
    const pool = makePool(1);
    const killed = watch(pool.apply(exit, [1]));
    const calls = numbers(50).map((x) => pool.apply(square, [x]));
    const map = pool.map(square, numbers(100));
    expect(await Promise.all(calls)).toEqual(numbers(50).map(square));
    expect(await map).toEqual(numbers(100).map(square));
    expect(killed.error).toBeInstanceOf(WorkerLostError);
    expect(killed.settled).toBe(1);
  });

  test('B35 a neighbour in another worker is not touched', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const neighbour = pool.apply(pass<string>, [gate.shared, 'whole']);
    await gate.reached();
    expect((await failure(() => pool.apply(exit, [1]))).exitCode).toBe(1);
    expect(await pool.apply(square, [3])).toBe(9);
    gate.open();
    expect(await neighbour).toBe('whole');
    expect(gate.entered).toBe(1);
  });

  test('B35 the results that a worker had finished before it died are kept', async () => {
    const pool = makePool(1);
    const call = (x: number): number => {
      if (x === 60) process.exit(2);
      return x;
    };
    const settled = await pool.map(call, numbers(100), { settled: true });
    expect(settled.map((it) => it.status === 'fulfilled')).toEqual(numbers(100).map((x) => x !== 60));
    const error = (settled[60] as PromiseRejectedResult).reason;
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error).toMatchObject({ index: 60, exitCode: 2 });
  });

  test('B35 each of ten deaths in one map costs one item', async () => {
    const pool = makePool({ processes: 2, maxRestarts: { count: 100, within: 60_000 } });
    const call = (x: number): number => {
      if (x % 10 === 5) process.exit(2);
      return x;
    };
    const settled = await pool.map(call, numbers(100), { settled: true });
    expect(settled.flatMap((it, index) => (it.status === 'rejected' ? [index] : []))).toEqual(
      numbers(10).map((n) => 10 * n + 5),
    );
    expect(pool.stats().restarts).toBe(10);
  });

  test('B35 the error names the worker that was lost', async () => {
    const pool = makePool(1);
    await pool.ready();
    const [{ id }] = pool.workers;
    const error = await failure(() => pool.apply(exit, [1]));
    expect(error.workerId).toBe(id);
  });

  test("B35 `process.on('exit')` handlers of the task's module run", async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const call = (shared: Int32Array): never => {
      process.once('exit', () => Atomics.add(shared, 3, 1));
      process.exit(1);
    };
    await failure(() => pool.apply(call, [gate.shared]));
    await pool.apply(square, [1]);
    expect(gate.note).toBe(1);
  });
});

describe('a listener of `exit` that throws', () => {
  for (const before of [false, true]) {
    const where = before ? 'in front' : 'behind';
    test(`${where}: the worker ends all the same, what it had finished is kept and does not run again`, async () => {
      const pool = makePool(1);
      const gate = new Gate();
      const items = numbers(50).map((item): [Int32Array, number, boolean] => [gate.shared, item, before]);
      const settled = await pool.starmap(ref('death.mjs', 'exitHooked'), items, { chunkSize: 50, settled: true });
      expect(settled.flatMap((it, index) => (it.status === 'rejected' ? [index] : []))).toEqual([20]);
      const error = (settled[20] as PromiseRejectedResult).reason;
      expect(error).toBeInstanceOf(WorkerLostError);
      expect(error).toMatchObject({ index: 20, exitCode: 4, reason: 'uncaught error' });
      expect(error.cause).toBeInstanceOf(RangeError);
      expect(gate.entered).toBe(50);
      expect(pool.stats().restarts).toBe(1);
    });

    test(`${where}: told as an error outside of any task when the pool lets the worker go`, async () => {
      const pool = makePool(1);
      const errors: Error[] = [];
      pool.on('error', (error) => errors.push(error));
      await pool.apply(ref('death.mjs', 'hookExit'), [before]);
      pool.close();
      await pool.join();
      expect(errors.map((error) => error.message)).toEqual(['exit hook']);
    });
  }
});

describe('a worker whose event loop is ended from outside', () => {
  test('a module that calls process.exit at load', async () => {
    const pool = makePool({ processes: 1, maxRestarts: { count: 2, within: 60_000 } });
    const error = await failure(() => pool.apply(ref('exits-at-load.mjs', 'never')));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error.exitCode).toBe(12);
    expect(await pool.apply(square, [2])).toBe(4);
  });

  test('an initializer that calls process.exit breaks the pool instead of starting workers for ever', async () => {
    const initializer = () => process.exit(13);
    const pool = makePool({ processes: 2, initializer, maxRestarts: { count: 3, within: 60_000 } });
    let started = 0;
    pool.on('workerStart', () => {
      started += 1;
    });
    const calls = numbers(5).map((x) => watch(pool.apply(square, [x])));
    await until(() => calls.every((call) => call.settled === 1));
    for (const call of calls) expect(call.error).toBeInstanceOf(Error);
    expect(started).toBeLessThanOrEqual(10);
    expect(await failure(() => pool.apply(square, [1]))).toBeInstanceOf(Error);
  });
});
