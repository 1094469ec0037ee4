import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { collect, failure, Gate, makePool, numbers, pass, square, threadsOnly } from '../helpers.js';

const kinds = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
] as const;

describe('typed arrays', () => {
  for (const Kind of kinds) {
    test(`map over a ${Kind.name} gives a ${Kind.name}, as its own map does`, async () => {
      const pool = makePool(2);
      const input = Kind.from(numbers(1000).map((n) => n - 300));
      const call = (x: number): number => x * 1.5 + 1;
      // biome-ignore lint/suspicious/noExplicitAny: one call for nine types
      const any = input as any;
      const expected = any.map(call);
      const results = await pool.map(call, any as Float64Array);
      expect(results).toBeInstanceOf(Kind);
      expect(results).toEqual(expected);
      expect(pool.mapSync(call, any as Float64Array)).toEqual(expected);
      expect(await pool.map(call, any as Float64Array, 33)).toEqual(expected);
      expect(input).toEqual(Kind.from(numbers(1000).map((n) => n - 300)));
    });
  }

  test('a subclass, and an array of another realm, give the built-in class', async () => {
    const pool = makePool(1);
    class Odd extends Float64Array {
      constructor(first: number, second?: number) {
        if (second === undefined) throw new Error('not to be called');
        super([first, second]);
      }
    }
    const results = await pool.map(square, new Odd(2, 3));
    expect(Object.getPrototypeOf(results)).toBe(Float64Array.prototype);
    expect(Array.from(results)).toEqual([4, 9]);
    const elsewhere = runInNewContext('new BigInt64Array([1n, 2n])') as BigInt64Array;
    const bigints = await pool.map((x: bigint) => x + 1n, elsewhere);
    expect(bigints).toEqual(BigInt64Array.of(2n, 3n));
    expect(await pool.map(square, runInNewContext('new Int8Array([4])'))).toEqual(Int8Array.of(16));
  });

  test('the items of a Buffer are bytes; the result is a Uint8Array', async () => {
    const pool = makePool(2);
    const results = await pool.map((byte: number) => byte + 1, Buffer.from('abc'));
    expect(results).toBeInstanceOf(Uint8Array);
    expect(Array.from(results)).toEqual([98, 99, 100]);
  });

  test('a view of a part of a buffer reads that part', async () => {
    const pool = makePool(2);
    const whole = Float64Array.from(numbers(100));
    expect(await pool.map(square, whole.subarray(10, 20))).toEqual(whole.subarray(10, 20).map(square));
    const odd = new Uint16Array(new ArrayBuffer(64), 2, 5).fill(3);
    expect(await pool.map(square, odd)).toEqual(new Uint16Array(5).fill(9));
  });

  test('NaN, −0 and the infinities pass', async () => {
    const pool = makePool(1);
    const input = Float64Array.of(Number.NaN, -0, Infinity, -Infinity, 5e-324);
    const results = await pool.map((x: number) => x, input);
    expect(results.every((value, index) => Object.is(value, input[index]))).toBe(true);
  });

  threadsOnly('shared buffers')('an array over a SharedArrayBuffer is read in place', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const blocked = pool.apply(pass, [gate.shared]);
    await gate.reached();
    const shared = new Float64Array(new SharedArrayBuffer(800));
    const own = new Float64Array(100);
    const fromShared = pool.map((x: number) => x, shared);
    const fromOwn = pool.map((x: number) => x, own);
    shared.fill(5);
    own.fill(5);
    gate.open();
    await blocked;
    expect(await fromShared).toEqual(new Float64Array(100).fill(5));
    expect(await fromOwn).toEqual(new Float64Array(100));
  });

  threadsOnly('shared buffers')('an array over a SharedArrayBuffer gives a result of its own', async () => {
    const pool = makePool(2);
    const shared = new Int32Array(new SharedArrayBuffer(40)).fill(6);
    const results = await pool.map(square, shared);
    expect(Array.from(results)).toEqual(numbers(10).map(() => 36));
    expect(results.buffer).not.toBe(shared.buffer);
    expect(Array.from(shared)).toEqual(numbers(10).map(() => 6));
  });

  const wrong: Record<string, (x: number) => unknown> = {
    text: (x) => (x === 70 ? '1' : x),
    undefined: (x) => (x === 70 ? undefined : x),
    null: (x) => (x === 70 ? null : x),
    bigint: (x) => (x === 70 ? 1n : x),
    object: (x) => (x === 70 ? {} : x),
    boolean: (x) => (x === 70 ? true : x),
  };
  for (const [name, call] of Object.entries(wrong)) {
    test(`a result that is not a number throws (${name})`, async () => {
      const pool = makePool(2);
      const error = await failure(() => pool.map(call as (x: number) => number, Float64Array.from(numbers(100))));
      expect(error).toBeInstanceOf(TypeError);
      expect(await pool.map(square, Float64Array.of(3))).toEqual(Float64Array.of(9));
    });
  }

  test('a number for a BigInt64Array throws, and the error asks for a bigint', async () => {
    const pool = makePool(1);
    const call = (x: bigint) => Number(x) as unknown as bigint;
    const error = await failure(() => pool.map(call, BigInt64Array.of(1n)));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('a bigint for a BigInt64Array');
  });

  test('an error of an item rejects as ever', async () => {
    const pool = makePool(2);
    const call = (x: number): number => {
      if (x === 50) throw new RangeError('fifty');
      return x;
    };
    expect((await failure(() => pool.map(call, Float64Array.from(numbers(100))))).message).toBe('fifty');
    const settled = await pool.map(call, Float64Array.from(numbers(100)), { settled: true });
    expect(settled[49]).toEqual({ status: 'fulfilled', value: 49 });
    expect(settled[50]?.status).toBe('rejected');
  });

  test('asynchronous functions', async () => {
    const pool = makePool({ processes: 2, concurrency: 4 });
    const call = async (x: number): Promise<number> => x + 1;
    const results = await pool.map(call as unknown as (x: number) => number, Int16Array.of(1, 2, 3));
    expect(results).toEqual(Int16Array.of(2, 3, 4));
  });

  test('imap over a typed array yields numbers', async () => {
    const pool = makePool(2);
    expect(await collect(pool.imap(square, Int32Array.of(1, 2, 3)))).toEqual([1, 4, 9]);
  });

  test('one million numbers', async () => {
    const pool = makePool(2);
    const input = Float64Array.from({ length: 1_000_000 }, (_, index) => index);
    const results = await pool.map((x: number) => x + 1, input);
    expect(results.length).toBe(1_000_000);
    expect(results.every((value, index) => value === index + 1)).toBe(true);
  });
});
