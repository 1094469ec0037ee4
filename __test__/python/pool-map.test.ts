import { range, SerializationError } from 'manycore';
import { expect, test, vi } from 'vitest';
import { failure, Gate, makePool, numbers, ref, square, watch } from '../helpers.js';

const add = (a: number, b: number): number => a + b;

test('106 map: order is kept, with and without a chunk size', async () => {
  const pool = makePool(2);
  expect(await pool.map(square, range(10))).toEqual(numbers(10).map(square));
  expect(await pool.map(square, range(100), 20)).toEqual(numbers(100).map(square));
  expect(await pool.map(square, range(100), { chunkSize: 20 })).toEqual(numbers(100).map(square));
  expect(pool.mapSync(square, range(100), 7)).toEqual(numbers(100).map(square));
});

test('107 starmap and starmapAsync: each item is a list of arguments', async () => {
  const pool = makePool(2);
  const pairs = numbers(100).map((x): [number, number] => [x, 2 * x]);
  const sums = numbers(100).map((x) => 3 * x);
  expect(await pool.starmap(add, pairs)).toEqual(sums);
  expect(await pool.starmap(add, pairs, 20)).toEqual(sums);
  expect(await pool.starmapAsync(add, pairs, 20).get()).toEqual(sums);
  expect(pool.starmapSync(add, pairs, 20)).toEqual(sums);
});

test('108 mapAsync: get() gives what map gives', async () => {
  const pool = makePool(2);
  const result = pool.mapAsync(square, numbers(10), { chunkSize: 3 });
  expect(await result.get()).toEqual(numbers(10).map(square));
  expect(result.successful()).toBe(true);
});

test('109 mapAsync: callback gets the list, errorCallback the error, each once', async () => {
  const pool = makePool(2);
  const callback = vi.fn();
  const errorCallback = vi.fn();
  const good = await pool.mapAsync(square, [1, 2], { callback, errorCallback }).get();
  expect(callback.mock.calls).toEqual([[good]]);
  expect(errorCallback).not.toHaveBeenCalled();
  const error = await failure(() =>
    pool.mapAsync(ref('tasks.mjs', 'fail'), ['a', 'b'], { callback, errorCallback, chunkSize: 1 }).get(),
  );
  expect(error.message).toBe('a');
  expect(errorCallback.mock.calls).toEqual([[error]]);
  expect(callback).toHaveBeenCalledTimes(1);
});

test('110 map: an item that cannot be sent rejects the call, and the pool goes on', async () => {
  const pool = makePool(2);
  for (let round = 0; round < 5; round += 1) {
    const error = await failure(() => pool.map((x: unknown) => typeof x, [1, Symbol('unsendable'), 3]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(await pool.map(square, [4, 5])).toEqual([16, 25]);
  }
});

test('111 map: an empty list with a chunk size resolves', async () => {
  const pool = makePool(2);
  expect(await pool.mapAsync(square, [], 1).get()).toEqual([]);
  expect(await pool.mapAsync(square, [], { chunkSize: 1 }).get({ timeout: 10_000 })).toEqual([]);
});

function* failsAfter(count: number, error: Error): Generator<number> {
  for (let index = 0; index < count; index += 1) yield index;
  throw error;
}

test('112 map: a source that throws at item 0 or 3 rejects with that error, again and again', async () => {
  const pool = makePool(2);
  for (const count of [0, 3, 0, 3]) {
    const boom = new RangeError(`after ${count}`);
    expect(await failure(() => pool.map(square, failsAfter(count, boom)))).toBe(boom);
    expect(await failure(() => pool.map(square, failsAfter(count, boom), 2))).toBe(boom);
    expect(await failure(() => pool.mapAsync(square, failsAfter(count, boom)).get())).toBe(boom);
  }
  expect(await pool.map(square, [3])).toEqual([9]);
});

test('112 map: a source whose [Symbol.iterator] throws rejects with that error', async () => {
  const pool = makePool(1);
  const boom = new TypeError('no iterator today');
  const source: Iterable<number> = {
    [Symbol.iterator]() {
      throw boom;
    },
  };
  expect(await failure(() => pool.map(square, source))).toBe(boom);
  expect(await pool.map(square, [3])).toEqual([9]);
});

test('112 map: a source that lies about its length is read to its real end', async () => {
  const pool = makePool(2);
  const lying = (length: number) => ({ length, [Symbol.iterator]: () => [1, 2, 3][Symbol.iterator]() });
  for (const length of [0, 1, 3, 100, -1, Number.NaN]) {
    expect(await pool.map(square, lying(length)), `length ${length}`).toEqual([1, 4, 9]);
  }
});

test('121 empty sources: map, mapAsync, starmap, imap, imapUnordered', async () => {
  const pool = makePool(2);
  expect(await pool.map(square, [])).toEqual([]);
  expect(await pool.map(square, new Set<number>())).toEqual([]);
  expect(await pool.map(square, range(0))).toEqual([]);
  expect(await pool.mapAsync(square, []).get()).toEqual([]);
  expect(await pool.starmap(add, [])).toEqual([]);
  expect(pool.mapSync(square, [])).toEqual([]);
  expect(await pool.imap(square, []).next()).toEqual({ done: true, value: undefined });
  expect(await pool.imapUnordered(square, []).next()).toEqual({ done: true, value: undefined });
});

test('125 map does not fail fast: it rejects when all ran, with the first error by index', async () => {
  const pool = makePool(2);
  const gate = new Gate();
  const call = (index: number, slots: Int32Array): never => {
    Atomics.add(slots, 0, 1);
    if (index === 0)
      while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    throw new RangeError(`${index}${'x'.repeat(1 << 20)}`);
  };
  const running = pool.starmap(call, [
    [0, gate.shared],
    [1, gate.shared],
  ]);
  const seen = watch(running);
  await gate.reached(2);
  await pool.apply(square, [2]);
  expect(seen.settled).toBe(0);
  gate.open();
  const error = await failure(() => running);
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message.length).toBe((1 << 20) + 1);
  expect(error.message[0]).toBe('0');
  pool.close();
  await pool.join();
});

test('125 map: after an error the rest of its chunk still runs', async () => {
  const pool = makePool(1);
  const gate = new Gate();
  const call = (index: number, shared: Int32Array): number => {
    Atomics.add(shared, 2, 1);
    if (index === 1) throw new RangeError('second');
    return index;
  };
  const items = numbers(12).map((index): [number, Int32Array] => [index, gate.shared]);
  expect((await failure(() => pool.starmap(call, items, 6))).message).toBe('second');
  expect(gate.left).toBe(12);
});
