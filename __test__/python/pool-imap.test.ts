import { range } from 'manycore';
import { describe, expect, test } from 'vitest';
import { collect, failure, makePool, numbers, ref, sleep, square, until } from '../helpers.js';

const failsOnThree = (x: number): number => {
  if (x === 3) throw new RangeError('three');
  return x;
};

function* failsAfter(count: number, error: Error): Generator<number> {
  for (let index = 0; index < count; index += 1) yield index;
  throw error;
}

describe('imap', () => {
  test('115 imap: ordered, and done at the end, for good', async () => {
    const pool = makePool(2);
    const results = pool.imap(square, range(10));
    for (const x of numbers(10)) expect(await results.next()).toEqual({ done: false, value: x * x });
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test('115 imap: 1000 items with chunks of 100', async () => {
    const pool = makePool(2);
    expect(await collect(pool.imap(square, range(1000), 100))).toEqual(numbers(1000).map(square));
    expect(await collect(pool.imap(square, range(1000), { chunkSize: 100 }))).toEqual(numbers(1000).map(square));
  });

  test('115 imap: an error is thrown by its next() and iteration goes on', async () => {
    const pool = makePool(2);
    const results = pool.imap(failsOnThree, numbers(6));
    const seen: unknown[] = [];
    for (let round = 0; round < 6; round += 1) {
      try {
        seen.push((await results.next()).value);
      } catch (error) {
        seen.push((error as Error).message);
      }
    }
    expect(seen).toEqual([0, 1, 2, 'three', 4, 5]);
    expect((await results.next()).done).toBe(true);
  });

  for (const chunkSize of [1, 2, 4]) {
    test(`116 imap: the results before a source's error, then the error (chunks of ${chunkSize})`, async () => {
      const pool = makePool(2);
      for (const count of [0, 1, 3, 6, 8]) {
        const boom = new RangeError(`after ${count}`);
        const results = pool.imap(square, failsAfter(count, boom), { chunkSize });
        for (let index = 0; index < count; index += 1) expect((await results.next()).value).toBe(index * index);
        expect(await failure(() => results.next())).toBe(boom);
        expect((await results.next()).done).toBe(true);
      }
    });
  }

  test('116 imap: an asynchronous source that rejects', async () => {
    const pool = makePool(2);
    const boom = new RangeError('stream');
    async function* source() {
      yield* [1, 2];
      throw boom;
    }
    const results = pool.imap(square, source());
    expect((await results.next()).value).toBe(1);
    expect((await results.next()).value).toBe(4);
    expect(await failure(() => results.next())).toBe(boom);
  });
});

describe('imapUnordered', () => {
  test('117 imapUnordered: every result once', async () => {
    const pool = makePool(2);
    const small = await collect(pool.imapUnordered(square, range(10)));
    expect(small.sort((a, b) => a - b)).toEqual(numbers(10).map(square));
    const large = await collect(pool.imapUnordered(square, range(1000), 100));
    expect(large.sort((a, b) => a - b)).toEqual(numbers(1000).map(square));
  });

  test("118 imapUnordered: a source's error surfaces; nothing unexpected comes before it", async () => {
    const pool = makePool(2);
    for (const count of [0, 1, 3, 7]) {
      const boom = new RangeError(`after ${count}`);
      const expected = new Set(numbers(count).map(square));
      const results = pool.imapUnordered(square, failsAfter(count, boom));
      const error = await failure(async () => {
        for (;;) {
          const { done, value } = await results.next();
          if (done) return;
          expect(expected.delete(value)).toBe(true);
        }
      });
      expect(error).toBe(boom);
    }
  });
});

describe('bufferSize', () => {
  function counted(count: number): { pulled: number; source: Generator<number> } {
    const state = { pulled: 0, source: undefined as unknown as Generator<number> };
    function* source() {
      for (let index = 0; index < count; index += 1) {
        state.pulled += 1;
        yield index;
      }
    }
    state.source = source();
    return state;
  }

  for (const method of ['imap', 'imapUnordered'] as const) {
    test(`139 ${method}: no more than bufferSize items are taken ahead of the results that were read`, async () => {
      const pool = makePool(2);
      const state = counted(Number.POSITIVE_INFINITY);
      const results = pool[method](square, state.source, { bufferSize: 4 });
      await until(() => state.pulled >= 4);
      await sleep(30);
      expect(state.pulled).toBe(4);
      for (let read = 1; read <= 20; read += 1) {
        expect((await results.next()).done).toBe(false);
        expect(state.pulled).toBeLessThanOrEqual(read + 4);
      }
      await sleep(30);
      expect(state.pulled).toBeLessThanOrEqual(24);
      await results.return?.();
    });

    test(`139 ${method}: bufferSize below 1 or not whole is refused at the call`, () => {
      const pool = makePool(1);
      for (const bufferSize of [0, -1, 1.5, Number.NaN]) {
        expect(() => pool[method](square, [1], { bufferSize })).toThrow(RangeError);
      }
      expect(() => pool[method](square, [1], { bufferSize: '4' as unknown as number })).toThrow(TypeError);
      for (const chunkSize of [0, -1, 0.5]) expect(() => pool[method](square, [1], chunkSize)).toThrow(RangeError);
    });

    test(`139 ${method}: terminate after a part was read does not hang`, async () => {
      const pool = makePool(2);
      const results = pool[method](square, range(1_000_000), { bufferSize: 8 });
      await results.next();
      await pool.terminate();
      await pool.join();
      expect(
        (
          await failure(async () => {
            for (;;) if ((await results.next()).done) throw new Error('ended');
          })
        ).code,
      ).toBe('ERR_MANYCORE_POOL_TERMINATED');
    });

    test(`139 ${method}: close, the rest read, then join`, async () => {
      const pool = makePool(2);
      const results = pool[method](square, range(50), { bufferSize: 4 });
      await results.next();
      pool.close();
      expect((await collect(results)).length).toBe(49);
      await pool.join();
    });

    test(`139 ${method}: close and join after a part was read and the rest given up do not hang`, async () => {
      const pool = makePool(2);
      const results = pool[method](square, range(1_000_000), { bufferSize: 4 });
      await results.next();
      await results.return?.();
      pool.close();
      await pool.join();
    });
  }

  test('139 imap: a bufferSize smaller than the chunks still makes progress', async () => {
    const pool = makePool(2);
    expect(await collect(pool.imap(square, range(25), { bufferSize: 1, chunkSize: 10 }))).toEqual(
      numbers(25).map(square),
    );
  });

  test('139 imap: the error of an item counts as one read result', async () => {
    const pool = makePool(1);
    const results = pool.imap(ref('tasks.mjs', 'fail'), ['a', 'b', 'c'], { bufferSize: 1 });
    for (const name of ['a', 'b', 'c']) expect((await failure(() => results.next())).message).toBe(name);
    expect((await results.next()).done).toBe(true);
  });
});
