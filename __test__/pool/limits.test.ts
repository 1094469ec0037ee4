import { EventEmitter } from 'node:events';
import { Pool } from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  collect,
  echo,
  failure,
  Gate,
  makePool,
  numbers,
  pass,
  ref,
  square,
  threadOf,
  threadsOnly,
  until,
  watch,
} from '../helpers.js';

describe('large numbers of things', () => {
  test('50,000 calls at once', async () => {
    const pool = makePool(2);
    const results = await Promise.all(numbers(50_000).map((x) => pool.apply(square, [x])));
    expect(results.every((value, x) => value === x * x)).toBe(true);
    expect(pool.stats()).toMatchObject({ completed: 50_000, pending: 0, running: 0 });
  });

  test('50,000 calls with arguments that need room of their own', async () => {
    const pool = makePool(2);
    const text = 'x'.repeat(300);
    const results = await Promise.all(numbers(50_000).map((n) => pool.apply(echo, [{ n, text }])));
    expect(results.every((value, n) => value.n === n && value.text === text)).toBe(true);
  });

  test('2,000 maps at once', async () => {
    const pool = makePool(2);
    const maps = await Promise.all(numbers(2000).map((n) => pool.map((x: number) => x + 1, [n, n + 1])));
    expect(maps.every(([a, b], n) => a === n + 1 && b === n + 2)).toBe(true);
  });

  test('imaps in great number at once', async () => {
    const pool = makePool(2);
    const all = await Promise.all(numbers(200).map((n) => collect(pool.imap(square, [n, n + 1, n + 2]))));
    expect(all.every((values, n) => values.join() === [n, n + 1, n + 2].map(square).join())).toBe(true);
  });

  test('2,000 different functions', async () => {
    const pool = makePool(2);
    const make = (n: number) => new Function('x', `return x + ${n}`) as (x: number) => number;
    const results = await Promise.all(numbers(2000).map((n) => pool.apply(make(n), [1])));
    expect(results).toEqual(numbers(2000).map((n) => n + 1));
  });

  test('5,000 arguments', async () => {
    const pool = makePool(1);
    expect(await pool.apply(Math.max, numbers(5000))).toBe(4999);
    expect(await pool.apply((...args: unknown[]) => args.length, numbers(5000))).toBe(5000);
  });

  test('deep nesting of arguments and results', async () => {
    const pool = makePool(1);
    const nest = (depth: number): unknown[] => {
      let list: unknown[] = [];
      for (let n = 0; n < depth; n += 1) list = [list];
      return list;
    };
    const depthOf = (list: unknown[]): number => {
      let depth = 0;
      for (let at: unknown = list; Array.isArray(at) && at.length > 0; [at] = at) depth += 1;
      return depth;
    };
    expect(await pool.apply(depthOf, [nest(500)])).toBe(500);
    expect(depthOf(await pool.apply(nest, [500]))).toBe(500);
    const tooDeep = nest(100_000);
    const outcome = watch(pool.apply(depthOf, [tooDeep]));
    await until(() => outcome.settled === 1);
    if (outcome.error) expect(outcome.error).toBeInstanceOf(Error);
    else expect(outcome.value).toBe(100_000);
    expect(await pool.apply(square, [3])).toBe(9);
  });

  test('a map whose results are large, beside calls', async () => {
    const pool = makePool(2);
    const fill = (n: number): Uint8Array => new Uint8Array(1 << 20).fill(n);
    const [map, one] = await Promise.all([pool.map(fill, numbers(40)), pool.apply(fill, [7])]);
    expect(map.every((bytes, n) => bytes.length === 1 << 20 && bytes[0] === n && bytes.at(-1) === n)).toBe(true);
    expect(one[500]).toBe(7);
  });
});

describe('maxPending and calls of many tasks', () => {
  test("a map larger than maxPending runs, with whenFull 'wait'", async () => {
    const pool = makePool({ processes: 2, maxPending: 4 });
    expect(await pool.map(square, numbers(100))).toEqual(numbers(100).map(square));
    const all = await Promise.all([
      pool.map(square, numbers(50)),
      pool.apply(square, [3]),
      pool.map(square, numbers(50)),
      pool.starmap(Math.max, [[1, 2]]),
    ]);
    expect(all).toEqual([numbers(50).map(square), 9, numbers(50).map(square), [2]]);
  });

  test('imap with maxPending smaller than its buffer', async () => {
    const pool = makePool({ processes: 2, maxPending: 2 });
    expect(await collect(pool.imap(square, numbers(200), { bufferSize: 20 }))).toEqual(numbers(200).map(square));
    expect(await collect(pool.imap(square, numbers(200), 7))).toEqual(numbers(200).map(square));
  });

  test('blocking calls with maxPending', () => {
    const pool = makePool({ processes: 1, maxPending: 1 });
    expect(numbers(20).map((n) => pool.applySync(square, [n]))).toEqual(numbers(20).map(square));
    expect(pool.mapSync(square, numbers(20))).toEqual(numbers(20).map(square));
  });
});

describe('calls made from callbacks', () => {
  test('a pool is an EventEmitter', () => {
    expect(makePool(1)).toBeInstanceOf(EventEmitter);
    expect(makePool(1)).toBeInstanceOf(Pool);
  });

  test('blocking calls inside callbacks, events and sources', async () => {
    const pool = makePool(2);
    const seen: number[] = [];
    pool.on('workerStart', () => seen.push(pool.applySync(square, [2])));
    const value = await new Promise<number>((done) => {
      pool.applyAsync(square, [3], { callback: (nine) => done(pool.applySync(square, [nine])) });
    });
    expect(value).toBe(81);
    function* source(): Generator<number> {
      for (const n of numbers(10)) yield pool.applySync(square, [n]);
    }
    expect(await collect(pool.imap(square, source(), { bufferSize: 2 }))).toEqual(numbers(10).map((n) => n ** 4));
    await until(() => seen.length >= 1);
    expect(new Set(seen)).toEqual(new Set([4]));
  });

  threadsOnly('shared buffers')('a getter that makes a call in the middle of one that moves a buffer', async () => {
    const pool = makePool(1);
    const moved = new ArrayBuffer(8);
    const calls: Promise<unknown>[] = [];
    const argument = {
      moved,
      get other() {
        const own = new ArrayBuffer(3);
        calls.push(pool.apply(echo, [new SharedArrayBuffer(5)]));
        calls.push(pool.apply((buffer: ArrayBuffer) => buffer.byteLength, [own], { transfer: [own] }));
        calls.push(pool.map((shared: SharedArrayBuffer) => shared.byteLength, [new SharedArrayBuffer(7)]));
        return 1;
      },
    };
    const size = (value: { moved: ArrayBuffer }): number => value.moved.byteLength;
    expect(await pool.apply(size, [argument], { transfer: [moved] })).toBe(8);
    expect(moved.byteLength).toBe(0);
    expect(await Promise.all(calls)).toMatchObject([{ byteLength: 5 }, 3, [7]]);
  });

  test('many results are delivered though one callback blocks', async () => {
    const pool = makePool(2);
    let blocked = 0;
    const calls = numbers(200).map((n) =>
      pool.applyAsync(square, [n], {
        callback() {
          if (n % 20 !== 0) return;
          const one = pool.applySync(square, [1]);
          blocked += one;
        },
      }),
    );
    expect(await Promise.all(calls)).toEqual(numbers(200).map(square));
    expect(blocked).toBe(10);
  });

  test('terminate inside a callback', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    let ended: Promise<void> | undefined;
    const callback = (): void => {
      ended = pool.terminate();
    };
    const first = watch(pool.applyAsync(square, [2], { callback }));
    const others = numbers(50).map(() => watch(pool.apply(pass, [gate.shared])));
    await until(() => ended !== undefined);
    await ended;
    await until(() => first.settled === 1 && others.every((call) => call.settled === 1));
    expect(others.every((call) => (call.error as { code: string }).code === 'ERR_MANYCORE_POOL_TERMINATED')).toBe(true);
  });

  test('close inside a callback', async () => {
    const pool = makePool(1);
    const first = pool.applyAsync(square, [2], { callback: () => pool.close() });
    const second = pool.apply(square, [3]);
    expect([await first, await second]).toEqual([4, 9]);
    await pool.join();
  });

  test('terminate inside the loop of an imap', async () => {
    const pool = makePool(2);
    const error = await failure(async () => {
      for await (const value of pool.imap(square, numbers(1000))) if (value === 25) await pool.terminate();
    });
    expect(error.code).toBe('ERR_MANYCORE_POOL_TERMINATED');
  });

  test('return() of an imap settles its waiting next(), and tells its running tasks without killing their worker', async () => {
    const pool = makePool({ processes: 1, grace: 0 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const results = pool.imap(ref('context.mjs', 'spinUntilCancelled'), [gate.shared, gate.shared]);
    const waiting = [watch(results.next()), watch(results.next())];
    await gate.reached();
    await results.return?.();
    await until(() => waiting.every((it) => it.settled === 1));
    expect(waiting.map((it) => it.value)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
    expect(await pool.apply(threadOf)).toBe(thread);
    expect(gate.entered).toBe(1);
    expect(gate.note).toBe(1);
  });

  test('failFast tells the running tasks of its map, too', async () => {
    const pool = makePool({ processes: 2, grace: 0 });
    await pool.ready();
    const gate = new Gate();
    const call = pool.map(ref('context.mjs', 'failAfterOther'), [gate.shared, gate.shared], {
      failFast: true,
      chunkSize: 1,
    });
    expect((await failure(() => call)).message).toBe('the other one runs');
    await until(() => gate.note === 1);
    expect(pool.stats().restarts).toBe(0);
  });

  test('transfer in map and imap', async () => {
    const pool = makePool(2);
    const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
    const arrays = () => numbers(4).map((n) => new Float64Array(10).fill(n));
    const first = arrays();
    const moved = first.map((array) => array.buffer);
    expect(await pool.map(sum, first, { transfer: moved })).toEqual([0, 10, 20, 30]);
    expect(first.every((array) => array.length === 0)).toBe(true);
    const second = arrays();
    expect(await pool.map(sum, second)).toEqual([0, 10, 20, 30]);
    expect(second.every((array) => array.length === 10)).toBe(true);
  });

  test('recycling with several asynchronous tasks per worker', async () => {
    const pool = makePool({ processes: 2, concurrency: 3, maxTasksPerChild: 5 });
    const later = ref('tasks.mjs', 'squareLater');
    expect(await pool.map(later, numbers(60))).toEqual(numbers(60).map(square));
    expect(await Promise.all(numbers(60).map((x) => pool.apply(later, [x])))).toEqual(numbers(60).map(square));
    expect(pool.stats().restarts).toBe(0);
  });
});
