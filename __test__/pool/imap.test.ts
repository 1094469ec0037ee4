import { type ImapIterator, range, TimeoutError } from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  collect,
  failure,
  Gate,
  makePool,
  numbers,
  pass,
  passAsync,
  ref,
  sleep,
  square,
  until,
  watch,
} from '../helpers.js';

const both = ['imap', 'imapUnordered'] as const;

/** A pool of one worker gives 1 and 2 when the gate opens; it has come to the gate. */
async function gatedPair(method: (typeof both)[number]): Promise<{ gate: Gate; results: ImapIterator<unknown> }> {
  const pool = makePool(1);
  const gate = new Gate();
  const items = [1, 2].map((n): [Int32Array, number] => [gate.shared, n]);
  const results = method === 'imap' ? pool.istarmap(pass<number>, items) : pool.istarmapUnordered(pass<number>, items);
  await gate.reached();
  return { gate, results };
}

describe('imap and its siblings', () => {
  test('istarmap and istarmapUnordered: each item is a list of arguments', async () => {
    const pool = makePool(2);
    const add = (a: number, b: number): number => a + b;
    const pairs = numbers(50).map((n): [number, number] => [n, n]);
    expect(await collect(pool.istarmap(add, pairs))).toEqual(numbers(50).map((n) => 2 * n));
    const unordered = await collect(pool.istarmapUnordered(add, pairs, 7));
    expect(unordered.sort((a, b) => a - b)).toEqual(numbers(50).map((n) => 2 * n));
  });

  test('imap starts at the call, before the first next()', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const results = pool.istarmap(pass<number>, [[gate.shared, 5]]);
    await gate.reached();
    gate.open();
    expect((await results.next()).value).toBe(5);
  });

  test('imap keeps the order when later items finish first', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const call = (name: string, slots: Int32Array): string => {
      if (name === 'a')
        while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      else Atomics.add(slots, 3, 1);
      return name;
    };
    const results = pool.istarmap(
      call,
      ['a', 'b', 'c', 'd'].map((name): [string, Int32Array] => [name, gate.shared]),
    );
    const first = watch(results.next());
    await until(() => gate.note >= 2);
    expect(first.settled).toBe(0);
    gate.open();
    await until(() => first.settled === 1);
    expect(first.value).toEqual({ done: false, value: 'a' });
    expect(await collect(results)).toEqual(['b', 'c', 'd']);
  });

  for (const method of both) {
    test(`${method}: several next() at once are served in turn`, async () => {
      const pool = makePool(2);
      const results = pool[method](square, numbers(10));
      const taken = await Promise.all(numbers(12).map(() => results.next()));
      expect(taken.slice(10)).toEqual([
        { done: true, value: undefined },
        { done: true, value: undefined },
      ]);
      const values = taken.slice(0, 10).map((it) => it.value as number);
      if (method === 'imapUnordered') values.sort((a, b) => a - b);
      expect(values).toEqual(numbers(10).map(square));
    });

    test(`${method}: next with a timeout rejects, and loses nothing`, async () => {
      const { gate, results } = await gatedPair(method);
      expect(await failure(() => results.next({ timeout: 2 }))).toBeInstanceOf(TimeoutError);
      expect(await failure(() => results.next({ timeout: 0 }))).toBeInstanceOf(TimeoutError);
      gate.open();
      const values = [(await results.next({ timeout: 60_000 })).value, (await results.next()).value];
      expect(values).toEqual([1, 2]);
      expect((await results.next({ timeout: 0 })).done).toBe(true);
    });

    test(`${method}: leaving for await closes the source and drops the rest`, async () => {
      const pool = makePool(2);
      let closed = 0;
      let pulled = 0;
      function* source(): Generator<number> {
        try {
          for (;;) {
            pulled += 1;
            yield pulled;
          }
        } finally {
          closed += 1;
        }
      }
      for await (const value of pool[method](square, source(), { bufferSize: 6 })) {
        if (value >= 9) break;
      }
      expect(closed).toBe(1);
      const before = pulled;
      expect(await pool.map(square, [1, 2])).toEqual([1, 4]);
      expect(pulled).toBe(before);
      expect(pool.stats().pending).toBe(0);
    });

    test(`${method}: the asynchronous source is closed, too`, async () => {
      const pool = makePool(2);
      let closed = 0;
      async function* source(): AsyncGenerator<number> {
        try {
          for (let n = 0; ; n += 1) yield n;
        } finally {
          closed += 1;
        }
      }
      const results = pool[method](square, source());
      await results.next();
      expect(await results.return?.('given back' as never)).toEqual({ done: true, value: 'given back' });
      await until(() => closed === 1);
      expect((await results.next()).done).toBe(true);
    });

    test(`${method}: settled gives errors as values, for for await`, async () => {
      const pool = makePool(2);
      const call = (x: number): number => {
        if (x % 2) throw new RangeError(`odd ${x}`);
        return x;
      };
      const options = { settled: true } as const;
      const results =
        method === 'imap' ? pool.imap(call, numbers(10), options) : pool.imapUnordered(call, numbers(10), options);
      const seen = await collect(results as AsyncIterable<PromiseSettledResult<number>>);
      expect(seen.filter((it) => it.status === 'fulfilled').length).toBe(5);
      const reasons = seen.flatMap((it) => (it.status === 'rejected' ? [it.reason.message as string] : []));
      expect(reasons.sort()).toEqual(['odd 1', 'odd 3', 'odd 5', 'odd 7', 'odd 9']);
      if (method === 'imap') expect(seen[2]).toEqual({ status: 'fulfilled', value: 2 });
    });

    test(`${method}: an endless source, 100,000 items, never more than the buffer ahead`, async () => {
      const pool = makePool(2);
      let pulled = 0;
      let read = 0;
      let most = 0;
      function* source(): Generator<number> {
        for (;;) {
          pulled += 1;
          most = Math.max(most, pulled - read);
          yield 1;
        }
      }
      let sum = 0;
      for await (const value of pool[method](square, source(), { bufferSize: 64, chunkSize: 8 })) {
        read += 1;
        sum += value;
        if (read === 100_000) break;
      }
      expect(sum).toBe(100_000);
      expect(most).toBeLessThanOrEqual(65);
    });

    test(`${method}: the default buffer is bounded, too`, async () => {
      const pool = makePool(2);
      let pulled = 0;
      function* source(): Generator<number> {
        for (;;) {
          pulled += 1;
          yield 1;
        }
      }
      const results = pool[method](square, source());
      await results.next();
      await sleep(50);
      const stopped = pulled;
      await sleep(30);
      expect(pulled).toBe(stopped);
      expect(pulled).toBeLessThan(10_000);
      await results.return?.();
    });

    test(`${method}: a partial chunk is flushed when the source pauses`, async () => {
      const pool = makePool(2);
      let resume: () => void = () => {};
      const paused = new Promise<void>((done) => {
        resume = done;
      });
      async function* source(): AsyncGenerator<number> {
        yield 1;
        yield 2;
        yield 3;
        await paused;
        yield 4;
      }
      const results = pool[method](square, source(), { chunkSize: 10, bufferSize: 100 });
      const values = [(await results.next()).value, (await results.next()).value, (await results.next()).value];
      expect(values.sort()).toEqual([1, 4, 9]);
      resume();
      expect((await results.next()).value).toBe(16);
      expect((await results.next()).done).toBe(true);
    });

    test(`${method}: an asynchronous source is asked for one item at a time`, async () => {
      const pool = makePool(2);
      let open = 0;
      let most = 0;
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]() {
          let n = 0;
          return {
            async next() {
              open += 1;
              most = Math.max(most, open);
              await sleep(0);
              open -= 1;
              n += 1;
              return n > 20 ? { done: true, value: undefined } : { done: false, value: n };
            },
          };
        },
      };
      expect((await collect(pool[method](square, source, { bufferSize: 8 }))).length).toBe(20);
      expect(most).toBe(1);
    });
  }

  test('two imaps of one pool advance together', async () => {
    const pool = makePool({ processes: 1, concurrency: 2 });
    const a = pool.imap(square, numbers(100));
    const b = pool.imap(square, numbers(100));
    for (const n of numbers(100)) {
      expect((await a.next()).value).toBe(n * n);
      expect((await b.next()).value).toBe(n * n);
    }
  });

  test('an imap that nobody reads does not stop other calls', async () => {
    const pool = makePool(1);
    const unread = pool.imap(square, numbers(10_000));
    expect(await pool.map(square, numbers(20))).toEqual(numbers(20).map(square));
    expect(await pool.apply(square, [5])).toBe(25);
    await unread.return?.();
  });

  test('imap of an item that cannot be sent: the error is at its place', async () => {
    const pool = makePool(1);
    const results = pool.imap((x: unknown) => typeof x, [1, Symbol('x'), 'text']);
    expect((await results.next()).value).toBe('number');
    expect((await failure(() => results.next())).code).toBe('ERR_MANYCORE_SERIALIZATION');
    expect((await results.next()).value).toBe('string');
  });

  test('imap over a dying worker: the error is at its place', async () => {
    const pool = makePool(2);
    const results = pool.imap(ref('death.mjs', 'exit'), [3]);
    const error = await failure(() => results.next());
    expect(error.code).toBe('ERR_MANYCORE_WORKER_LOST');
    expect(error.index).toBe(0);
    expect((await results.next()).done).toBe(true);
  });

  test('imap of asynchronous tasks with concurrency', async () => {
    const pool = makePool({ processes: 1, concurrency: 4 });
    const gate = new Gate();
    const items = numbers(8).map((n): [Int32Array, number] => [gate.shared, n]);
    const results = pool.istarmap(passAsync<number>, items);
    await gate.reached(4);
    gate.open();
    expect(await collect(results)).toEqual(numbers(8));
  });

  test('a chunk that fails when some of its results are there: each item comes once', async () => {
    const pool = makePool(1);
    const onReport = () => {
      throw new Error('in onReport');
    };
    for (const method of ['imap', 'imapUnordered'] as const) {
      const options = { chunkSize: 6, bufferSize: 6, onReport, settled: true } as const;
      const results = await collect(pool[method](ref('context.mjs', 'reportThree'), numbers(6), options));
      expect(results.map((result) => (result.status === 'fulfilled' ? result.value.item : 'failed'))).toEqual([
        0,
        1,
        2,
        'failed',
        'failed',
        'failed',
      ]);
    }
  });

  test('a range is read, not copied: its length does not matter', async () => {
    const pool = makePool(1);
    for (const method of both) {
      const totals: unknown[] = [];
      const results = pool[method](square, range(2 ** 40), { progress: ({ total }) => void totals.push(total) });
      expect((await results.next()).value).toBe(0);
      await results.return?.();
      expect(totals[0]).toBe(2 ** 40);
    }
    const tooLong = await failure(() => pool.map(square, range(2 ** 40)));
    expect(tooLong).toBeInstanceOf(RangeError);
    expect(tooLong.message).toContain('1099511627776');
  });

  test('an iterator that gives something else than an object ends the call, as in for…of', async () => {
    const pool = makePool(1);
    const broken = (result: unknown) => {
      let left = 2;
      return () => (left-- > 0 ? { done: false, value: left } : result);
    };
    for (const result of [5, undefined, null, 'text']) {
      const promised = broken(result);
      const sources = [
        { [Symbol.iterator]: () => ({ next: broken(result) }) },
        { [Symbol.asyncIterator]: () => ({ next: broken(result) }) },
        { [Symbol.asyncIterator]: () => ({ next: async () => promised() }) },
      ];
      for (const source of sources) {
        const results = pool.imap(square, source as unknown as Iterable<number>);
        expect([(await results.next()).value, (await results.next()).value]).toEqual([1, 0]);
        const error = await failure(() => results.next());
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toContain('next()');
        expect((await results.next()).done).toBe(true);
      }
    }
  });

  for (const method of both) {
    test(`${method}: an aborted next() takes nothing with it`, async () => {
      const { gate, results } = await gatedPair(method);
      const reason = new Error('enough');
      expect(await failure(() => results.next({ signal: AbortSignal.abort(reason) }))).toBe(reason);
      const controller = new AbortController();
      const aborted = failure(() => results.next({ signal: controller.signal, timeout: 60_000 }));
      const next = results.next({ signal: new AbortController().signal });
      controller.abort(reason);
      expect(await aborted).toBe(reason);
      gate.open();
      expect((await next).value).toBe(1);
      expect((await results.next({ signal: new AbortController().signal })).value).toBe(2);
      expect((await results.next({ signal: AbortSignal.timeout(60_000) })).done).toBe(true);
    });
  }
});
