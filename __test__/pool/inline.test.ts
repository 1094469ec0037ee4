import { BrokenPoolError, StateError, TimeoutError } from 'manycore';
import { expect, test } from 'vitest';
import { collect, failure, Gate, makePool, numbers, ref, square, threadOf, thrown } from '../helpers.js';

test("context 'inline' runs in the caller's own thread and starts no worker", async () => {
  const pool = makePool({ context: 'inline', processes: 4 });
  await pool.ready();
  expect(await pool.apply(threadOf)).toBe(threadOf());
  expect(await pool.apply(() => process.pid)).toBe(process.pid);
  expect(pool.applySync(threadOf)).toBe(threadOf());
  expect(pool.workers).toEqual([]);
});

test('inline: every method', async () => {
  const pool = makePool({ context: 'inline' });
  const add = (a: number, b: number): number => a + b;
  const squares = numbers(20).map(square);
  expect(await pool.apply(add, [1, 2])).toBe(3);
  expect(await pool.applyAsync(add, [1, 2]).get()).toBe(3);
  expect(await pool.map(square, numbers(20))).toEqual(squares);
  expect(await pool.mapAsync(square, numbers(20), 3).get()).toEqual(squares);
  expect(pool.mapSync(square, numbers(20))).toEqual(squares);
  expect(await pool.starmap(add, [[1, 2]])).toEqual([3]);
  expect(await pool.starmapAsync(add, [[1, 2]]).get()).toEqual([3]);
  expect(pool.starmapSync(add, [[1, 2]])).toEqual([3]);
  expect(await collect(pool.imap(square, numbers(20), 3))).toEqual(squares);
  expect(await collect(pool.imapUnordered(square, numbers(20)))).toEqual(squares);
  expect(await collect(pool.istarmap(add, [[1, 2]]))).toEqual([3]);
  expect(await collect(pool.istarmapUnordered(add, [[1, 2]]))).toEqual([3]);
  expect(await pool.map(square, Float64Array.of(1, 2))).toEqual(Float64Array.of(1, 4));
  expect(await pool.map(ref('tasks.mjs', 'squareLater'), [3])).toEqual([9]);
});

test('inline: errors, settled, retries and callbacks are those of a thread pool', async () => {
  const pool = makePool({ context: 'inline', retries: 1 });
  const error = await failure(() => pool.apply(ref('tasks.mjs', 'fail'), ['inline']));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toBe('inline');
  expect(thrown(() => pool.applySync(() => JSON.parse('{')))).toBeInstanceOf(SyntaxError);
  const settled = await pool.map(ref('tasks.mjs', 'fail'), ['a'], { settled: true });
  expect(settled[0].status).toBe('rejected');
  const gate = new Gate();
  expect(await pool.apply(ref('context.mjs', 'failUntil'), [gate.shared, 2])).toBe(2);
  const boom = new Error('callback');
  const callback = () => {
    throw boom;
  };
  expect(await failure(() => pool.applyAsync(square, [1], { callback }).get())).toBe(boom);
  expect(await failure(() => pool.map(square, [1, Symbol('x') as unknown as number]))).toBeInstanceOf(Error);
});

test('inline: currentTask, initializer, state and reports', async () => {
  const gate = new Gate();
  const initializer = ref('state.mjs', 'initialize');
  const pool = makePool({ context: 'inline', initializer, initArgs: [gate.shared, 'inline'] });
  const states = await pool.map(ref('state.mjs', 'readState'), numbers(3));
  expect(states.map((state) => [state.label, state.tasks])).toEqual([
    ['inline', 1],
    ['inline', 2],
    ['inline', 3],
  ]);
  expect(gate.note).toBe(1);
  const all = await pool.map(ref('context.mjs', 'describeLater'), numbers(3));
  expect(all.map((it) => it.index)).toEqual([0, 1, 2]);
  const seen: unknown[] = [];
  await pool.apply(ref('context.mjs', 'reportAll'), [1, 2], { onReport: (value) => void seen.push(value) });
  expect(seen).toEqual([1, 2]);
});

test('inline: a failing initializer rejects every call', async () => {
  const pool = makePool({ context: 'inline', initializer: ref('state.mjs', 'failing') });
  const error = await failure(() => pool.apply(square, [1]));
  expect(error).not.toBeInstanceOf(BrokenPoolError);
  expect(error.message).toBe('no database');
  expect((await failure(() => pool.map(square, [1]))).message).toBe('no database');
});

test('inline: a timeout rejects an asynchronous task and fires its signal', async () => {
  const pool = makePool({ context: 'inline', timeout: 5 });
  const gate = new Gate();
  expect(await failure(() => pool.apply(ref('context.mjs', 'waitForSignal'), [gate.shared]))).toBeInstanceOf(
    TimeoutError,
  );
  expect(gate.note).toBe(1);
  expect(await pool.apply(square, [2])).toBe(4);
});

test('inline: abort', async () => {
  const pool = makePool({ context: 'inline' });
  const controller = new AbortController();
  const gate = new Gate();
  const call = pool.apply(ref('context.mjs', 'waitForSignal'), [gate.shared], { signal: controller.signal });
  await gate.reached();
  controller.abort();
  expect(await failure(() => call)).toBe(controller.signal.reason);
});

test('inline: back-pressure, close, join, terminate', async () => {
  const pool = makePool({ context: 'inline' });
  let pulled = 0;
  function* source(): Generator<number> {
    for (;;) {
      pulled += 1;
      yield pulled;
    }
  }
  const results = pool.imap(square, source(), { bufferSize: 3 });
  expect((await results.next()).value).toBe(1);
  expect(pulled).toBeLessThanOrEqual(4);
  await results.return?.();
  const pending = pool.map(square, [1, 2]);
  pool.close();
  expect(await failure(() => pool.apply(square, [1]))).toBeInstanceOf(StateError);
  await pool.join();
  expect(await pending).toEqual([1, 4]);
  await pool.terminate();
  const other = makePool({ context: 'inline' });
  const never = failure(() => other.apply(() => new Promise(() => {})));
  await other.terminate();
  expect((await never).code).toBe('ERR_MANYCORE_POOL_TERMINATED');
});

test('inline: asynchronous tasks overlap up to concurrency', async () => {
  const pool = makePool({ context: 'inline', processes: 1, concurrency: 2 });
  const gate = new Gate();
  const call = async (slots: Int32Array, n: number): Promise<number> => {
    const now = Atomics.add(slots, 0, 1) + 1;
    if (now > Atomics.load(slots, 3)) Atomics.store(slots, 3, now);
    await new Promise((done) => setTimeout(done, 1));
    Atomics.sub(slots, 0, 1);
    return n;
  };
  const items = numbers(6).map((n): [Int32Array, number] => [gate.shared, n]);
  expect(await pool.starmap(call, items)).toEqual(numbers(6));
  expect(gate.note).toBe(2);
  expect(gate.entered).toBe(0);
});
