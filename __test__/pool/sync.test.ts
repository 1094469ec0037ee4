import { BrokenPoolError, SerializationError, WorkerLostError } from 'manycore';
import { expect, test } from 'vitest';
import { echo, Gate, makePool, numbers, pass, ref, square, thrown } from '../helpers.js';

test('applySync on a cold pool: workers start while this thread is blocked', () => {
  const pool = makePool(2);
  expect(pool.applySync(square, [3])).toBe(9);
  expect(pool.applySync(echo, [{ a: [1, 'two'] }])).toEqual({ a: [1, 'two'] });
  expect(pool.applySync(() => {})).toBe(undefined);
});

test('applySync in a pool whose workers cannot start throws', () => {
  const pool = makePool({ processes: 2, execArgv: ['--import', 'data:text/javascript,throw new Error("no start")'] });
  pool.on('error', () => {});
  const error = thrown(() => pool.applySync(square, [3]));
  expect(error).toBeInstanceOf(BrokenPoolError);
  expect(error.message).toContain('it ended while it started');
});

test('mapSync and starmapSync: order, chunk sizes, empty sources', () => {
  const pool = makePool(2);
  expect(pool.mapSync(square, numbers(1000))).toEqual(numbers(1000).map(square));
  expect(pool.mapSync(square, new Set([1, 2]), 1)).toEqual([1, 4]);
  expect(pool.mapSync(square, [], { chunkSize: 3 })).toEqual([]);
  expect(pool.starmapSync((a: number, b: number) => a - b, [[5, 3]])).toEqual([2]);
});

test('mapSync uses all workers', () => {
  const pool = makePool(2);
  const meet = (index: number, slots: Int32Array): number => {
    Atomics.add(slots, 0, 1);
    while (Atomics.load(slots, 0) < 2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    return index;
  };
  const gate = new Gate();
  expect(
    pool.starmapSync(meet, [
      [0, gate.shared],
      [1, gate.shared],
    ]),
  ).toEqual([0, 1]);
});

test('asynchronous functions are awaited in the worker', () => {
  const pool = makePool(2);
  expect(pool.applySync(ref('tasks.mjs', 'squareLater'), [4])).toBe(16);
  expect(pool.mapSync(ref('tasks.mjs', 'squareLater'), [1, 2, 3])).toEqual([1, 4, 9]);
});

test('errors are thrown, with class, message and the stack of the worker', () => {
  const pool = makePool(2);
  for (const name of ['fail', 'failLater']) {
    const error = thrown(() => pool.applySync(ref('tasks.mjs', name), ['sync']));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe('sync');
    expect(error.stack).toContain('tasks.mjs');
  }
  expect(thrown(() => pool.mapSync(ref('tasks.mjs', 'fail'), ['a', 'b'])).message).toBe('a');
  expect(thrown(() => pool.applySync(echo, [Symbol('x')]))).toBeInstanceOf(SerializationError);
  expect(thrown(() => pool.applySync(() => Symbol('x')))).toBeInstanceOf(SerializationError);
  expect(thrown(() => pool.applySync(ref('tasks.mjs', 'missing')))).toBeInstanceOf(Error);
  expect(pool.applySync(square, [2])).toBe(4);
});

test('a worker that dies: WorkerLostError, and its replacement starts without this event loop', () => {
  const pool = makePool(1);
  for (let round = 0; round < 3; round += 1) {
    const error = thrown(() => pool.applySync(ref('death.mjs', 'exit'), [6]));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error.exitCode).toBe(6);
    expect(pool.applySync(square, [round])).toBe(round * round);
  }
});

test('a retry during a blocking call', () => {
  const pool = makePool({ processes: 1, retries: 2, backoff: 1 });
  expect(pool.applySync(ref('context.mjs', 'failUntil'), [new Gate().shared, 3])).toBe(3);
});

test('an initializer runs and fails as ever', () => {
  const gate = new Gate();
  const pool = makePool({
    processes: 1,
    initializer: ref('state.mjs', 'initializeLater'),
    initArgs: [gate.shared, 'x'],
  });
  expect(pool.applySync(ref('state.mjs', 'readState')).label).toBe('x');
  const failing = makePool({ processes: 1, initializer: ref('state.mjs', 'failing') });
  expect(thrown(() => failing.applySync(square, [1])).message).toBe('no database');
});

test('recycled workers are replaced during blocking calls', () => {
  const pool = makePool({ processes: 1, maxTasksPerChild: 3 });
  expect(numbers(20).map((x) => pool.applySync(square, [x]))).toEqual(numbers(20).map(square));
  expect(pool.mapSync(square, numbers(20))).toEqual(numbers(20).map(square));
});

test('asynchronous calls go on during a blocking one and are delivered afterwards', async () => {
  const pool = makePool(2);
  const gate = new Gate();
  const asynchronous = pool.apply(pass<string>, [gate.shared, 'async']);
  const results = pool.map(square, numbers(100));
  await gate.reached();
  const release = (slots: Int32Array): string => {
    Atomics.store(slots, 1, 1);
    return 'released';
  };
  expect(pool.applySync(release, [gate.shared])).toBe('released');
  expect(await asynchronous).toBe('async');
  expect(await results).toEqual(numbers(100).map(square));
});

test('what a blocking call transfers and shares', () => {
  const pool = makePool(1);
  const gate = new Gate();
  pool.applySync((shared: Int32Array) => Atomics.store(shared, 3, 8), [gate.shared]);
  expect(gate.note).toBe(8);
  const moved = new Float64Array(10).fill(2);
  const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  expect(pool.applySync(sum, [moved], { transfer: [moved.buffer] })).toBe(20);
  expect(moved.length).toBe(0);
  expect(pool.applySync(ref('transfer.mjs', 'makeMoved'), [5])).toEqual(new Float64Array(5).fill(7));
});

test('blocking calls from inside tasks', async () => {
  const pool = makePool(2);
  expect(await pool.map(ref('nested.mjs', 'sumOfSquaresSync'), [4, 5])).toEqual([14, 30]);
});

test('10,000 blocking calls after each other', () => {
  const pool = makePool(1);
  let sum = 0;
  for (let n = 0; n < 10_000; n += 1) sum += pool.applySync(square, [2]);
  expect(sum).toBe(40_000);
});
