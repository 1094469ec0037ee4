import { SerializationError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { collect, echo, failure, Gate, makePool, numbers, pass, ref, square, thrown, watch } from '../helpers.js';

describe('submission', () => {
  test('B1 synchronous and asynchronous tasks resolve', async () => {
    const pool = makePool(2);
    expect(await pool.apply(ref('tasks.mjs', 'square'), [7])).toBe(49);
    expect(await pool.apply(ref('tasks.mjs', 'squareLater'), [7])).toBe(49);
    expect(await pool.apply(async (x: number) => x + 1, [7])).toBe(8);
    expect(await pool.apply((x: number) => Promise.resolve(x - 1), [7])).toBe(6);
  });

  test('B1 a thenable result is awaited, as by any async function', async () => {
    const pool = makePool(1);
    // biome-ignore lint/suspicious/noThenProperty: the thenable is what is tested
    const call = () => ({ then: (resolve: (value: string) => void) => resolve('resolved') });
    expect(await pool.apply(call as unknown as () => string)).toBe('resolved');
  });

  test('B1 a thrown error and a rejection reject with message and the stack of the worker', async () => {
    const pool = makePool(2);
    for (const name of ['fail', 'failLater']) {
      const error = await failure(() => pool.apply(ref('tasks.mjs', name), ['why']));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toBe('why');
      expect(error.stack).toContain('tasks.mjs');
    }
  });

  test('B3 map keeps the order whatever the durations, with chunks of any size', async () => {
    const pool = makePool(2);
    const slow = async (x: number): Promise<number> => {
      await new Promise((done) => setTimeout(done, (x * 7) % 5));
      return x;
    };
    const items = numbers(40);
    for (const chunkSize of [undefined, 1, 3, 7, 40, 1000]) {
      expect(await pool.map(slow, items, chunkSize ? { chunkSize } : {}), `chunks of ${chunkSize}`).toEqual(items);
    }
  });

  test('B3 imapUnordered yields as completed', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const call = (name: string, shared: Int32Array): string => {
      if (name === 'slow')
        while (Atomics.load(shared, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      return name;
    };
    const results = pool.istarmapUnordered(call, [
      ['slow', gate.shared],
      ['fast', gate.shared],
    ]);
    expect((await results.next()).value).toBe('fast');
    gate.open();
    expect((await results.next()).value).toBe('slow');
    expect((await results.next()).done).toBe(true);
  });

  test('B4 an empty map does not start workers', async () => {
    const pool = makePool(2);
    expect(await pool.map(square, [])).toEqual([]);
    expect(pool.workers).toEqual([]);
  });

  test('B4 one item, more workers than items, chunks larger than the job', async () => {
    const pool = makePool(4);
    expect(await pool.map(square, [3])).toEqual([9]);
    expect(await pool.map(square, [3, 4])).toEqual([9, 16]);
    expect(await pool.map(square, [3, 4], 100)).toEqual([9, 16]);
    expect(await collect(pool.imap(square, [3, 4], 100))).toEqual([9, 16]);
  });

  test('B5 two maps at once do not mix their results', async () => {
    const pool = makePool(2);
    const tag = (name: string, index: number): string => `${name}${index}`;
    const pairs = (name: string) => numbers(200).map((index): [string, number] => [name, index]);
    const [a, b] = await Promise.all([pool.starmap(tag, pairs('a')), pool.starmap(tag, pairs('b'), 7)]);
    expect(a).toEqual(numbers(200).map((index) => `a${index}`));
    expect(b).toEqual(numbers(200).map((index) => `b${index}`));
  });

  test('B5 apply from many places at once, beside map and imap', async () => {
    const pool = makePool(2);
    const calls = numbers(500).map((x) => pool.apply(square, [x]));
    const [map, imap, applies] = await Promise.all([
      pool.map(square, numbers(300)),
      collect(pool.imap(square, numbers(300))),
      Promise.all(calls),
    ]);
    expect(map).toEqual(numbers(300).map(square));
    expect(imap).toEqual(numbers(300).map(square));
    expect(applies).toEqual(numbers(500).map(square));
  });

  test('map gives its function the item and nothing else', async () => {
    const pool = makePool(2);
    const count = (...args: unknown[]): number => args.length;
    expect(await pool.map(count, ['a', 'b'])).toEqual([1, 1]);
    expect(await pool.map(Number.parseInt, ['10', '10', '10'])).toEqual([10, 10, 10]);
    expect(await collect(pool.imap(count, ['a', 'b']))).toEqual([1, 1]);
  });

  test('starmap takes any iterable of any iterables, and asynchronous ones', async () => {
    const pool = makePool(2);
    const add = (a: number, b = 100): number => a + b;
    async function* source(): AsyncGenerator<[number, number?]> {
      yield [1, 2];
      yield [3];
    }
    expect(await pool.starmap(add, source())).toEqual([3, 103]);
    expect(await pool.starmap(add, new Set<[number, number]>([[5, 6]]))).toEqual([11]);
    expect(await collect(pool.istarmap(add, source()))).toEqual([3, 103]);
    expect((await collect(pool.istarmapUnordered(add, source()))).sort((a, b) => a - b)).toEqual([3, 103]);
  });

  test('starmap: an item that is no list of arguments rejects with a TypeError that names its index', async () => {
    const pool = makePool(1);
    const error = await failure(() => pool.starmap(echo, [[1], 2 as unknown as [number]]));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('1');
    expect(await pool.apply(echo, ['next'])).toBe('next');
  });

  test('arguments are taken as they are at the call', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const blocked = pool.apply(pass, [gate.shared]);
    await gate.reached();
    const argument = { list: [1, 2] };
    const items = [{ x: 1 }, { x: 2 }];
    const result = pool.apply(echo, [argument]);
    const results = pool.map(echo, items);
    argument.list.push(3);
    items[0].x = 100;
    items.pop();
    gate.open();
    await blocked;
    expect(await result).toEqual({ list: [1, 2] });
    expect(await results).toEqual([{ x: 1 }, { x: 2 }]);
  });

  test('a call that cannot be sent is refused at once, though the workers are busy', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const blocked = pool.apply(pass, [gate.shared]);
    await gate.reached();
    expect(await failure(() => pool.apply(echo, [Symbol('x')]))).toBeInstanceOf(SerializationError);
    gate.open();
    await blocked;
  });

  test('what is no function or no iterable is refused at the call', () => {
    const pool = makePool(1);
    // biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
    const any = pool as any;
    for (const method of ['apply', 'applyAsync', 'applySync']) {
      expect(
        thrown(() => any[method]('square', [1])),
        method,
      ).toBeInstanceOf(TypeError);
      expect(
        thrown(() => any[method](undefined)),
        method,
      ).toBeInstanceOf(TypeError);
      expect(
        thrown(() => any[method](square, 5)),
        method,
      ).toBeInstanceOf(TypeError);
    }
    const maps = ['map', 'mapAsync', 'mapSync', 'starmap', 'starmapAsync', 'starmapSync'];
    for (const method of [...maps, 'imap', 'imapUnordered', 'istarmap', 'istarmapUnordered']) {
      expect(
        thrown(() => any[method](null, [[1]])),
        method,
      ).toBeInstanceOf(TypeError);
      expect(
        thrown(() => any[method](square, 5)),
        method,
      ).toBeInstanceOf(TypeError);
      expect(
        thrown(() => any[method](square, undefined)),
        method,
      ).toBeInstanceOf(TypeError);
      expect(
        thrown(() => any[method](square, [[1]], 0)),
        method,
      ).toBeInstanceOf(RangeError);
      expect(
        thrown(() => any[method](square, [[1]], '2')),
        method,
      ).toBeInstanceOf(TypeError);
    }
    expect(pool.workers).toEqual([]);
  });

  test('a promise that nobody reads behaves as in Node; the pool is not harmed', async () => {
    const pool = makePool(1);
    const seen = watch(pool.apply(ref('tasks.mjs', 'fail'), ['read here']));
    expect(await pool.apply(square, [2])).toBe(4);
    expect((seen.error as Error).message).toBe('read here');
  });
});
