import { currentTask } from 'manycore';
import { describe, expect, test } from 'vitest';
import { collect, failure, Gate, makePool, numbers, passAsync, ref, sleep, square, threadsOnly } from '../helpers.js';

const describeTask = ref('context.mjs', 'describe');

describe('currentTask', () => {
  test('outside a task it is null', () => {
    expect(currentTask()).toBe(null);
  });

  test('its fields', async () => {
    const pool = makePool(2);
    await pool.ready();
    const ids = pool.workers.map((worker) => worker.id);
    const one = await pool.apply(describeTask);
    expect(one).toMatchObject({ attempt: 1, index: 0, aborted: false });
    expect(one.state).toBe(undefined);
    expect(ids).toContain(one.workerId);
    for (const name of ['describe', 'describeLater']) {
      const all = await pool.map(ref('context.mjs', name), numbers(50));
      expect(all.map((it) => it.index)).toEqual(numbers(50));
      expect(new Set(all.map((it) => it.id)).size).toBe(1);
      for (const it of all) expect(ids).toContain(it.workerId);
    }
    const streamed = await collect(pool.imap(describeTask, numbers(20), 3));
    expect(streamed.map((it) => it.index)).toEqual(numbers(20));
    const starred = await pool.starmap(describeTask, [[], [], []]);
    expect(starred.map((it) => it.index)).toEqual([0, 1, 2]);
  });

  test('id is the number of the call, from 1 up', async () => {
    const pool = makePool(2);
    const ids = [
      (await pool.apply(describeTask)).id,
      (await pool.apply(describeTask)).id,
      ...(await pool.map(describeTask, numbers(3))).map((it) => it.id),
      (await pool.apply(describeTask)).id,
    ];
    expect(ids).toEqual([1, 2, 3, 3, 3, 4]);
  });

  test('it is kept across awaits, and is the own one of each of several tasks in a worker', async () => {
    const pool = makePool({ processes: 1, concurrency: 5 });
    const pairs = await pool.map(ref('context.mjs', 'indexBeforeAndAfter'), [9, 1, 7, 3, 5]);
    expect(pairs).toEqual(numbers(5).map((n) => [n, n]));
  });

  test('state is what the initializer returned, the same object for every task of a worker', async () => {
    const gate = new Gate();
    for (const name of ['initialize', 'initializeLater']) {
      const pool = makePool({ processes: 1, initializer: ref('state.mjs', name), initArgs: [gate.shared, name] });
      const states = await pool.map(ref('state.mjs', 'readState'), numbers(5), 1);
      expect(states.map((state) => state.tasks)).toEqual([1, 2, 3, 4, 5]);
      expect(states[0].label).toBe(name);
    }
  });

  test('an inline initializer', async () => {
    const initializer = (base: number) => ({ base, tasks: 0 });
    const pool = makePool({ processes: 1, initializer, initArgs: [40] });
    const state = await pool.apply(ref('state.mjs', 'readState'));
    expect(state).toEqual({ base: 40, tasks: 1 });
  });

  test('the state of a replaced worker is made anew', async () => {
    const gate = new Gate();
    const initializer = ref('state.mjs', 'initialize');
    const pool = makePool({ processes: 1, maxTasksPerChild: 2, initializer, initArgs: [gate.shared, 'x'] });
    const states = await pool.map(ref('state.mjs', 'readState'), numbers(6), 1);
    expect(states.map((state) => state.tasks)).toEqual([1, 2, 1, 2, 1, 2]);
  });

  test('a signal that was never aborted stays so', async () => {
    const pool = makePool(1);
    const { signal } = new AbortController();
    expect((await pool.apply(describeTask, [], { signal })).aborted).toBe(false);
    expect((await pool.apply(describeTask, [], { timeout: 60_000 })).aborted).toBe(false);
  });
});

describe('report', () => {
  test('reports arrive at onReport in order, before the result, with the index of the item', async () => {
    const pool = makePool(1);
    const log: unknown[] = [];
    const onReport = (value: unknown, index: number) => void log.push([value, index]);
    log.push(await pool.apply(ref('context.mjs', 'reportAll'), ['a', { b: 1 }, [2]], { onReport }));
    expect(log).toEqual([['a', 0], [{ b: 1 }, 0], [[2], 0], 3]);
    log.length = 0;
    await pool.map(ref('context.mjs', 'reportAll'), ['x', 'y', 'z'], { onReport });
    expect(log.sort()).toEqual([
      ['x', 0],
      ['y', 1],
      ['z', 2],
    ]);
  });

  test('all reports have arrived when the call resolves', async () => {
    const pool = makePool(1);
    const values = numbers(1000);
    const seen: unknown[] = [];
    await pool.apply(ref('context.mjs', 'reportAll'), values, { onReport: (value) => void seen.push(value) });
    expect(seen).toEqual(values);
  });

  threadsOnly('shared buffers')('shared memory can be reported', async () => {
    const pool = makePool(1);
    const seen: { shared: Int32Array }[] = [];
    const onReport = (value: unknown) => void seen.push(value as { shared: Int32Array });
    const report = ref('context.mjs', 'reportShared');
    expect((await pool.apply(report, [5], { onReport })).byteLength).toBe(3);
    expect((await pool.map(report, [6, 7], { onReport })).length).toBe(2);
    expect(seen.map(({ shared }) => [shared[0], shared.buffer instanceof SharedArrayBuffer])).toEqual([
      [5, true],
      [6, true],
      [7, true],
    ]);
  });

  test('without onReport a report is dropped', async () => {
    const pool = makePool(1);
    expect(await pool.apply(ref('context.mjs', 'reportAll'), [1, 2])).toBe(2);
  });

  test('a report that cannot be sent throws in the task', async () => {
    const pool = makePool(1);
    const seen: unknown[] = [];
    const make = ref('context.mjs', 'reportUnsendable');
    const error = await failure(() => pool.apply(make, [], { onReport: (value) => void seen.push(value) }));
    expect(error.code).toBe('ERR_MANYCORE_SERIALIZATION');
    expect(seen).toEqual([]);
    expect(await pool.apply(square, [1])).toBe(1);
  });

  test('an onReport that throws becomes the rejection; the pool goes on', async () => {
    const pool = makePool(1);
    const boom = new Error('in onReport');
    const onReport = () => {
      throw boom;
    };
    expect(await failure(() => pool.apply(ref('context.mjs', 'reportAll'), [1, 2], { onReport }))).toBe(boom);
    expect(await pool.apply(square, [2])).toBe(4);
  });
});

describe('concurrency', () => {
  /** Notes in slot 3 the most tasks that were ever in flight at once; slot 0 counts those in flight. */
  const overlap = async (slots: Int32Array, ms: number): Promise<number> => {
    const now = Atomics.add(slots, 0, 1) + 1;
    if (now > Atomics.load(slots, 3)) Atomics.store(slots, 3, now);
    await new Promise((done) => setTimeout(done, ms));
    Atomics.sub(slots, 0, 1);
    return ms;
  };

  test('one asynchronous task at a time in a worker, if nothing else is asked for', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const items = [3, 1, 2, 1].map((ms): [Int32Array, number] => [gate.shared, ms]);
    expect(await pool.starmap(overlap, items)).toEqual([3, 1, 2, 1]);
    expect(await Promise.all(items.map((args) => pool.apply(overlap, args)))).toEqual([3, 1, 2, 1]);
    expect(gate.note).toBe(1);
  });

  test('so many asynchronous tasks share a worker, and no more', async () => {
    const pool = makePool({ processes: 1, concurrency: 3 });
    const gate = new Gate();
    const calls = numbers(9).map((n) => pool.apply(passAsync<number>, [gate.shared, n]));
    await gate.reached(3);
    await sleep(20);
    expect(gate.entered).toBe(3);
    gate.open();
    expect(await Promise.all(calls)).toEqual(numbers(9));
    const most = new Gate();
    const items = numbers(20).map((n): [Int32Array, number] => [most.shared, n % 4]);
    expect(await pool.starmap(overlap, items)).toEqual(numbers(20).map((n) => n % 4));
    expect(most.note).toBe(3);
  });

  test('map with concurrency of the call', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const items = numbers(12).map((n): [Int32Array, number] => [gate.shared, n]);
    const results = pool.starmap(passAsync<number>, items, { concurrency: 4 });
    await gate.reached(8);
    await sleep(20);
    expect(gate.entered).toBe(8);
    gate.open();
    expect(await results).toEqual(numbers(12));
  });

  test('a worker with an asynchronous task in flight still answers timers and other tasks', async () => {
    const pool = makePool({ processes: 1, concurrency: 2 });
    const gate = new Gate();
    const waiting = pool.apply(passAsync<string>, [gate.shared, 'waited']);
    await gate.reached();
    for (const n of numbers(50)) expect(await pool.apply(square, [n])).toBe(n * n);
    gate.open();
    expect(await waiting).toBe('waited');
  });

  test('errors stay with their task', async () => {
    const pool = makePool({ processes: 1, concurrency: 4 });
    const call = async (n: number): Promise<number> => {
      await new Promise((done) => setTimeout(done, n % 3));
      if (n % 5 === 0) throw new Error(`task ${n}`);
      return n;
    };
    const settled = await pool.map(call, numbers(20), { settled: true });
    expect(settled.map((it) => (it.status === 'fulfilled' ? it.value : it.reason.message))).toEqual(
      numbers(20).map((n) => (n % 5 === 0 ? `task ${n}` : n)),
    );
  });

  test('a worker that dies with several tasks in flight: each is rejected once', async () => {
    const pool = makePool({ processes: 1, concurrency: 3 });
    const gate = new Gate();
    const calls = [1, 2].map((n) => pool.apply(passAsync, [gate.shared, n]));
    await gate.reached(2);
    const killer = pool.apply(ref('death.mjs', 'exit'), [8]);
    for (const call of [...calls, killer]) {
      const error = await failure(() => call);
      expect(error.code).toBe('ERR_MANYCORE_WORKER_LOST');
      expect(error.exitCode).toBe(8);
    }
    expect(await pool.apply(square, [3])).toBe(9);
  });

  test('a timer that a task leaves behind knows no task, or the one that made it', async () => {
    const pool = makePool(1);
    await pool.apply(ref('context.mjs', 'noteOutside'));
    expect(await pool.apply(ref('context.mjs', 'readOutside'))).toBe('no other task');
  });
});
