import { PoolTerminatedError, SerializationError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { echo, failure, Gate, makePool, ref, square } from '../helpers.js';

/** Enough of them for several parts: items are handed over while those behind them are still being encoded. */
const COUNT = 20_000;
const LATE = 15_000;

interface Item {
  id: number;
  text: string;
  [more: string]: unknown;
}

const makeItems = (): Item[] => Array.from({ length: COUNT }, (_, id) => ({ id, text: `this is item ${id}` }));

/** The items, of which a late one does something when it is read. */
function withGetter(get: () => unknown): Item[] {
  const items = makeItems();
  Object.defineProperty(items[LATE], 'late', { get, enumerable: true });
  return items;
}

describe('items that are handed over in parts', () => {
  test('tasks run before the last item is encoded', async () => {
    const pool = makePool(1);
    await pool.ready();
    const gate = new Gate();
    let entered = 0;
    const items = withGetter(() => {
      const nap = new Int32Array(new SharedArrayBuffer(4));
      for (let ms = 0; gate.entered === 0 && ms < 20_000; ms++) Atomics.wait(nap, 0, 0, 1);
      entered = gate.entered;
      return 'read';
    });
    items[0].gate = gate.shared;
    const results = await pool.map((item: Item) => {
      if (item.gate !== undefined) Atomics.add(item.gate as Int32Array, 0, 1);
      return item.late ?? item.id;
    }, items);
    expect(entered).toBe(1);
    expect(results).toEqual(makeItems().map(({ id }) => (id === LATE ? 'read' : id)));
  });

  test('results are in order, and every task knows its index and the one call', async () => {
    const pool = makePool(2);
    const results = await pool.map(ref('context.mjs', 'describe'), makeItems());
    expect(results.map(({ index }) => index)).toEqual(makeItems().map(({ id }) => id));
    expect(new Set(results.map(({ id }) => id)).size).toBe(1);
  });

  test('a column of numbers for results', async () => {
    const pool = makePool(2);
    const results = await pool.map((item: Item) => item.id * 2, makeItems());
    expect(results).toEqual(makeItems().map(({ id }) => id * 2));
  });

  test('starmap, with lists of arguments', async () => {
    const pool = makePool(2);
    const rows = makeItems().map(({ id, text }): [number, string] => [id, text]);
    const results = await pool.starmap((id: number, text: string) => `${id} ${text}`, rows);
    expect(results).toEqual(rows.map(([id, text]) => `${id} ${text}`));
  });

  test('a blocking call', () => {
    const pool = makePool(2);
    expect(pool.mapSync(echo, makeItems())).toEqual(makeItems());
  });

  test('an item of a late part that fails is run again, as it was', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const items = makeItems();
    items[LATE].gate = gate.shared;
    const failsOnce = (item: Item): number => {
      item.runs = ((item.runs as number) ?? 0) + 1;
      if (item.gate !== undefined && Atomics.add(item.gate as Int32Array, 0, 1) === 0) {
        throw new Error('once');
      }
      return item.runs as number;
    };
    const results = await pool.map(failsOnce, items, { retries: 1 });
    expect(gate.entered).toBe(2);
    expect(results.every((runs) => runs === 1)).toBe(true);
  });

  test('a late item that cannot be sent fails the call with its path, once, and the pool goes on', async () => {
    const pool = makePool(2);
    const items = makeItems();
    items[LATE].bad = Symbol('unsendable');
    const error = await failure(() => pool.map(echo, items));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.path).toBe(`items[${LATE}].bad`);
    expect(await failure(() => pool.map(echo, items, { settled: true }))).toBeInstanceOf(SerializationError);
    expect(await pool.map(echo, makeItems())).toEqual(makeItems());
    expect(pool.stats().pending).toBe(0);
  });

  test('the call waits as a whole behind another one when the pool is full', async () => {
    const pool = makePool({ processes: 1, maxPending: 10 });
    const gate = new Gate();
    const before = pool.apply(
      (slots: Int32Array) => {
        Atomics.add(slots, 0, 1);
        while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      },
      [gate.shared],
    );
    await gate.reached();
    const large = pool.map(echo, makeItems());
    const after = pool.map(square, [1, 2, 3]);
    gate.open();
    await before;
    expect(await large).toEqual(makeItems());
    expect(await after).toEqual([1, 4, 9]);
  });

  test('a getter aborts the call in the middle', async () => {
    const pool = makePool(2);
    const controller = new AbortController();
    const reason = new Error('enough');
    const items = withGetter(() => controller.abort(reason));
    expect(await failure(() => pool.map(echo, items, { signal: controller.signal }))).toBe(reason);
    expect(await pool.map(echo, makeItems())).toEqual(makeItems());
  });

  test('a getter terminates the pool in the middle', async () => {
    const pool = makePool(2);
    const items = withGetter(() => {
      void pool.terminate();
    });
    expect(await failure(() => pool.map(echo, items))).toBeInstanceOf(PoolTerminatedError);
    await pool.join();
  });

  test('a getter maps by itself in the middle, and waits for it', async () => {
    const pool = makePool(2);
    const items = withGetter(() => pool.mapSync(echo, makeItems()).length);
    const results = await pool.map(echo, items);
    expect(results[LATE].late).toBe(COUNT);
    expect(results.map(({ id }) => id)).toEqual(makeItems().map(({ id }) => id));
  });

  test('a chunk size that is given holds for all items: chunks are not cut where parts would end', async () => {
    const pool = makePool(2);
    const size = 7000;
    const seats = await pool.map(ref('context.mjs', 'describe'), makeItems(), size);
    for (let from = 0; from < COUNT; from += size) {
      const workers = new Set(seats.slice(from, from + size).map(({ workerId }) => workerId));
      expect(workers.size).toBe(1);
    }
  });
});
