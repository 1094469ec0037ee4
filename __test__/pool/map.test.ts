import { describe, expect, test } from 'vitest';
import { collect, failure, Gate, makePool, numbers, pass, ref, square, thrown, until, watch } from '../helpers.js';

describe('ranges that split themselves', () => {
  /** The item `slow` waits at the gate; the others take their time, so that none is claimed long before it runs. */
  const slowAtGate = (index: number, slow: number, slots: Int32Array): number => {
    if (index === slow)
      while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    else {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      Atomics.add(slots, 2, 1);
    }
    return index;
  };

  for (const slow of [0, 1, 49, 50, 99]) {
    test(`a slow item ${slow} of 100 holds up nobody`, async () => {
      const pool = makePool(2);
      const gate = new Gate();
      const items = numbers(100).map((n): [number, number, Int32Array] => [n, slow, gate.shared]);
      const results = pool.starmap(slowAtGate, items);
      await until(() => gate.left === 99);
      gate.open();
      expect(await results).toEqual(numbers(100));
    });
  }

  test('a slow item among very many quick ones holds up few', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const call = (index: number, slots: Int32Array): number => {
      if (index === 10_000)
        while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      else Atomics.add(slots, 2, 1);
      return index;
    };
    const items = numbers(20_000).map((n): [number, Int32Array] => [n, gate.shared]);
    const results = pool.starmap(call, items);
    await until(() => gate.left > 17_000);
    gate.open();
    expect((await results).every((value, index) => value === index)).toBe(true);
  });

  test('four workers: each of four slow items gets a worker of its own', async () => {
    const pool = makePool(4);
    const gate = new Gate();
    const call = (index: number, slots: Int32Array): number => {
      if (index < 4) {
        Atomics.add(slots, 0, 1);
        while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
      return index;
    };
    const items = numbers(100).map((n): [number, Int32Array] => [n, gate.shared]);
    const results = pool.starmap(call, items);
    await gate.reached(4);
    gate.open();
    expect(await results).toEqual(numbers(100));
    expect(pool.stats().stolen).toBeGreaterThan(0);
  });

  test('with a chunk size nothing is split: the chunk waits for its slow item', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const call = (index: number, slots: Int32Array): number => {
      if (index === 0) {
        Atomics.add(slots, 0, 1);
        while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      } else Atomics.add(slots, 3, 1);
      return process.getBuiltinModule('node:worker_threads').threadId || process.pid;
    };
    const items = numbers(20).map((n): [number, Int32Array] => [n, gate.shared]);
    const results = pool.starmap(call, items, 10);
    await gate.reached();
    await until(() => gate.note === 10);
    await pool.apply(square, [1]);
    expect(gate.note).toBe(10);
    gate.open();
    const threads = await results;
    expect(new Set(threads.slice(0, 10)).size).toBe(1);
    expect(new Set(threads.slice(10)).size).toBe(1);
  });

  test('100,000 items, every index once', async () => {
    const pool = makePool(2);
    const results = await pool.map((x: number) => x + 1, numbers(100_000));
    expect(results.length).toBe(100_000);
    expect(results.every((value, index) => value === index + 1)).toBe(true);
  });

  test('many small maps after each other', async () => {
    const pool = makePool(2);
    for (let size = 0; size < 200; size += 1) {
      expect(await pool.map(square, numbers(size % 17))).toEqual(numbers(size % 17).map(square));
    }
  });
});

describe('sources', () => {
  test('map takes sets, maps, text, generators and asynchronous iterables', async () => {
    const pool = makePool(2);
    async function* asynchronous(): AsyncGenerator<number> {
      for (let n = 0; n < 100; n += 1) yield n;
    }
    function* synchronous(): Generator<number> {
      for (let n = 0; n < 100; n += 1) yield n;
    }
    expect(await pool.map(square, asynchronous())).toEqual(numbers(100).map(square));
    expect(await pool.map(square, synchronous())).toEqual(numbers(100).map(square));
    expect(await pool.map(square, new Set([1, 2]))).toEqual([1, 4]);
    expect(await pool.map((text: string) => text.toUpperCase(), 'ab')).toEqual(['A', 'B']);
    const entries = new Map([['a', 1]]);
    expect(await pool.map(([key, value]: [string, number]) => `${key}${value}`, entries)).toEqual(['a1']);
  });

  test('map pulls a source that is no array through a bounded window', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    let pulled = 0;
    function* source(): Generator<[Int32Array, number]> {
      for (let n = 0; n < 10_000; n += 1) {
        pulled += 1;
        yield [gate.shared, n];
      }
    }
    const results = pool.starmap(pass<number>, source());
    await gate.reached(2);
    await pool.ready();
    const ahead = pulled;
    expect(ahead).toBeLessThan(5000);
    gate.open();
    expect((await results).length).toBe(10_000);
    expect(pulled).toBe(10_000);
  });

  test('map with bufferSize pulls no further ahead than that', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    let pulled = 0;
    async function* source(): AsyncGenerator<[Int32Array, number]> {
      for (let n = 0; n < 100; n += 1) {
        pulled += 1;
        yield [gate.shared, n];
      }
    }
    const results = pool.starmap(pass<number>, source(), { bufferSize: 5 });
    await gate.reached(2);
    await until(() => pulled >= 5);
    await new Promise((done) => setTimeout(done, 20));
    expect(pulled).toBe(5);
    gate.open();
    expect(await results).toEqual(numbers(100));
  });

  test('holes of an array are undefined items', async () => {
    const pool = makePool(1);
    const holes: unknown[] = [1];
    holes[2] = 3;
    expect(await pool.map((value: unknown) => value === undefined, holes)).toEqual([false, true, false]);
  });

  test('an empty source of any kind', async () => {
    const pool = makePool(1);
    async function* nothing(): AsyncGenerator<number> {}
    expect(await pool.map(square, nothing())).toEqual([]);
    expect(await collect(pool.imapUnordered(square, nothing()))).toEqual([]);
    expect(await pool.map(square, new Float64Array(0))).toEqual(new Float64Array(0));
  });

  test('an asynchronous source is refused by mapSync', () => {
    const pool = makePool(1);
    async function* source(): AsyncGenerator<number> {
      yield 1;
    }
    const error = thrown(() => pool.mapSync(square, source() as unknown as Iterable<number>));
    expect(error).toBeInstanceOf(TypeError);
  });
});

describe('errors of map', () => {
  const failOn = (x: number): number => {
    if (x % 10 === 7) throw new RangeError(`item ${x}`);
    return x;
  };

  test('the first error by index, whatever failed first', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const call = (index: number, slots: Int32Array): never => {
      Atomics.add(slots, 0, 1);
      if (index === 0)
        while (Atomics.load(slots, 0) < 20) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      throw new Error(`item ${index}`);
    };
    const items = numbers(20).map((n): [number, Int32Array] => [n, gate.shared]);
    expect((await failure(() => pool.starmap(call, items))).message).toBe('item 0');
    expect((await failure(() => pool.map(failOn, numbers(50), 5))).message).toBe('item 7');
  });

  test('settled: every item as Promise.allSettled gives it, the call itself does not reject', async () => {
    const pool = makePool(2);
    const settled = await pool.map(failOn, numbers(20), { settled: true });
    const expected = await Promise.allSettled(numbers(20).map(async (x) => failOn(x)));
    expect(settled.map((it) => it.status)).toEqual(expected.map((it) => it.status));
    expect(settled[3]).toEqual({ status: 'fulfilled', value: 3 });
    const rejected = settled[17] as PromiseRejectedResult;
    expect(Object.keys(rejected).sort()).toEqual(['reason', 'status']);
    expect(rejected.reason).toBeInstanceOf(RangeError);
    expect(rejected.reason.message).toBe('item 17');
    expect(await pool.map(failOn, [], { settled: true })).toEqual([]);
  });

  test('settled: lost workers and timeouts are single items, too', async () => {
    const pool = makePool({ processes: 2, timeout: 100, grace: 0 });
    const call = (x: number): number => {
      if (x === 1) process.exit(4);
      while (x === 2);
      return x;
    };
    const settled = await pool.map(call, numbers(5), { settled: true, chunkSize: 1 });
    expect(settled.map((it) => it.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled']);
    expect((settled[1] as PromiseRejectedResult).reason.code).toBe('ERR_MANYCORE_WORKER_LOST');
    expect((settled[2] as PromiseRejectedResult).reason.code).toBe('ERR_MANYCORE_TIMEOUT');
  });

  test('failFast: rejects at the first error and drops what has not begun', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const call = (index: number, slots: Int32Array): number => {
      if (index === 0) throw new Error('at once');
      Atomics.add(slots, 0, 1);
      while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      return index;
    };
    const items = numbers(1000).map((n): [number, Int32Array] => [n, gate.shared]);
    const results = watch(pool.starmap(call, items, { failFast: true }));
    await until(() => results.settled === 1);
    expect((results.error as Error).message).toBe('at once');
    gate.open();
    expect(await pool.map(square, numbers(50))).toEqual(numbers(50).map(square));
    expect(gate.entered).toBeLessThanOrEqual(2);
  });

  test('failFast within a chunk of asynchronous tasks: its other tasks do not begin', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const call = async (index: number, slots: Int32Array): Promise<number> => {
      Atomics.add(slots, 0, 1);
      if (index === 0) throw new Error('at once');
      while (Atomics.load(slots, 1) === 0) await new Promise((done) => setTimeout(done, 1));
      return index;
    };
    const items = numbers(50).map((n): [number, Int32Array] => [n, gate.shared]);
    expect((await failure(() => pool.starmap(call, items, { failFast: true, chunkSize: 50 }))).message).toBe('at once');
    gate.open();
    expect(await pool.apply(square, [3])).toBe(9);
    expect(gate.entered).toBeLessThanOrEqual(2);
  });

  test('a lost worker of a map rejects with WorkerLostError and the index of the item', async () => {
    const pool = makePool(2);
    const call = (x: number): number => {
      if (x === 31) process.exit(5);
      return x;
    };
    const error = await failure(() => pool.map(call, numbers(50)));
    expect(error.code).toBe('ERR_MANYCORE_WORKER_LOST');
    expect(error.index).toBe(31);
    expect(error.exitCode).toBe(5);
    expect(await pool.map(ref('tasks.mjs', 'square'), [2, 3])).toEqual([4, 9]);
  });
});

describe('items of all sizes', () => {
  test('each item is read once', async () => {
    const pool = makePool(2);
    const reads = new Array<number>(1000).fill(0);
    const items = reads.map((_, index) => ({
      get index() {
        reads[index] += 1;
        return index;
      },
    }));
    expect(await pool.map((item: { index: number }) => item.index, items)).toEqual(numbers(1000));
    expect(new Set(reads)).toEqual(new Set([1]));
  });

  const length = (text: string): number => text.length;

  for (const [name, sizeOf] of [
    ['items that grow', (index: number) => index * 200],
    ['items that shrink', (index: number) => (1000 - index) * 200],
    ['a huge item, then small ones', (index: number) => (index === 0 ? 5_000_000 : 1)],
    ['small ones, then a huge item', (index: number) => (index === 999 ? 5_000_000 : 1)],
    ['large and small ones by turns', (index: number) => (index % 100 < 50 ? 20_000 : 1)],
  ] as const) {
    test(name, async () => {
      const pool = makePool(2);
      const sizes = numbers(1000).map(sizeOf);
      const items = sizes.map((size) => 'x'.repeat(size));
      expect(await pool.map(length, items)).toEqual(sizes);
      expect(await pool.map(length, items, 7)).toEqual(sizes);
    });
  }
});
