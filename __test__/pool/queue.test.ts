import { QueueFullError, RawArray } from 'manycore';
import { describe, expect, test } from 'vitest';
import { collect, failure, Gate, makePool, numbers, pass, sleep, square, until, watch } from '../helpers.js';

const note = (slots: Int32Array, name: number): void => {
  slots[Atomics.add(slots, 0, 1) + 1] = name;
};

test('B20 one worker starts calls in the order they were made, also with aborts between', async () => {
  const pool = makePool(1);
  const gate = new Gate();
  const log = new RawArray('i', 64);
  const blocked = pool.apply(pass, [gate.shared]);
  await gate.reached();
  const calls = numbers(40).map((name) => {
    const controller = new AbortController();
    const seen = watch(pool.apply(note, [log, name], { signal: controller.signal }));
    return { controller, seen, aborted: name % 5 === 0 };
  });
  for (const call of calls) if (call.aborted) call.controller.abort(new Error('not needed'));
  gate.open();
  await blocked;
  await until(() => calls.every((call) => call.seen.settled === 1));
  expect(Array.from(log.subarray(1, 1 + log[0]))).toEqual(numbers(40).filter((name) => name % 5 !== 0));
  expect(calls.filter((call) => call.seen.error).length).toBe(8);
});

test('B20 calls and maps share one line', async () => {
  const pool = makePool(1);
  const gate = new Gate();
  const log = new RawArray('i', 64);
  const blocked = pool.apply(pass, [gate.shared]);
  await gate.reached();
  const calls = [
    pool.apply(note, [log, 1]),
    pool.starmap(note, [
      [log, 2],
      [log, 3],
    ]),
    pool.apply(note, [log, 4]),
  ];
  gate.open();
  await blocked;
  await Promise.all(calls);
  expect(Array.from(log.subarray(1, 5))).toEqual([1, 2, 3, 4]);
});

test("B21 whenFull 'reject': a call above maxPending is refused, the others are not touched", async () => {
  const pool = makePool({ processes: 1, maxPending: 3, whenFull: 'reject' });
  const gate = new Gate();
  const calls = numbers(3).map((n) => pool.apply(pass<number>, [gate.shared, n]));
  await gate.reached();
  for (let round = 0; round < 3; round += 1) {
    const error = await failure(() => pool.apply(square, [1]));
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error.message).toContain('3');
  }
  expect(pool.stats().pending).toBe(3);
  gate.open();
  expect(await Promise.all(calls)).toEqual([0, 1, 2]);
  expect(await pool.apply(square, [5])).toBe(25);
});

for (const context of ['thread', 'inline'] as const) {
  test(`B21 whenFull 'reject', ${context}: a map larger than the limit is refused, an imap holds back`, async () => {
    const pool = makePool({ processes: 2, maxPending: 3, whenFull: 'reject', context });
    expect(await pool.map(square, numbers(3))).toEqual(numbers(3).map(square));
    const error = await failure(() => pool.map(square, numbers(4)));
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error.message).toMatch(/4 tasks.*maxPending.*3/);
    const expected = numbers(50).map(square);
    expect(await collect(pool.imap(square, numbers(50), { bufferSize: 20 }))).toEqual(expected);
    expect(await collect(pool.imap(square, numbers(50), 7))).toEqual(expected);
    expect(await pool.map(square, new Set(numbers(50)))).toEqual(expected);
  });
}

test("B22 whenFull 'wait': a call above maxPending waits for a place", async () => {
  const pool = makePool({ processes: 1, maxPending: 2, whenFull: 'wait' });
  const gate = new Gate();
  const calls = numbers(6).map((n) => pool.apply(pass<number>, [gate.shared, n]));
  await gate.reached();
  await sleep(20);
  expect(gate.entered).toBe(1);
  gate.open();
  expect(await Promise.all(calls)).toEqual(numbers(6));
});

test('B22 100,000 calls through two places: none is lost', async () => {
  const pool = makePool({ processes: 2, maxPending: 2 });
  let sum = 0;
  let next = 0;
  const submit = async (): Promise<void> => {
    while (next < 100_000) {
      const value = await pool.apply(square, [next++ % 10]);
      sum += value;
    }
  };
  await Promise.all(numbers(8).map(submit));
  expect(sum).toBe(28.5 * 100_000);
  expect(pool.stats().pending).toBe(0);
});

test('B22 a waiting call can be aborted, and terminated', async () => {
  const pool = makePool({ processes: 1, maxPending: 1 });
  const gate = new Gate();
  const running = watch(pool.apply(pass, [gate.shared]));
  await gate.reached();
  const controller = new AbortController();
  const aborted = watch(pool.apply(square, [1], { signal: controller.signal }));
  const waiting = watch(pool.apply(square, [2]));
  const reason = new Error('given up');
  controller.abort(reason);
  await until(() => aborted.settled === 1);
  expect(aborted.error).toBe(reason);
  await pool.terminate();
  await until(() => running.settled === 1 && waiting.settled === 1);
  expect((waiting.error as { code: string }).code).toBe('ERR_MANYCORE_POOL_TERMINATED');
});

test('B22 close: calls that wait for a place still run', async () => {
  const pool = makePool({ processes: 1, maxPending: 1 });
  const gate = new Gate();
  const calls = numbers(4).map((n) => pool.apply(pass<number>, [gate.shared, n]));
  await gate.reached();
  pool.close();
  gate.open();
  await pool.join();
  expect(await Promise.all(calls)).toEqual([0, 1, 2, 3]);
});

test('B24 the counters are exact when nothing runs', async () => {
  const pool = makePool(2);
  await pool.ready();
  expect(pool.stats()).toMatchObject({ completed: 0, failed: 0, pending: 0, running: 0, restarts: 0 });
  await pool.map(square, numbers(100));
  await pool.apply(square, [1]);
  const throwing = (x: number): number => {
    if (x % 10 === 0) throw new Error('tenth');
    return x;
  };
  await failure(() => pool.map(throwing, numbers(50)));
  expect(pool.stats()).toMatchObject({ completed: 146, failed: 5, pending: 0, running: 0, restarts: 0 });
});

test('B24 the counters while calls run and wait', async () => {
  const pool = makePool(2);
  const gate = new Gate();
  const calls = numbers(5).map((n) => pool.apply(pass<number>, [gate.shared, n]));
  await gate.reached(2);
  expect(pool.stats()).toMatchObject({ completed: 0, failed: 0, pending: 5, running: 2 });
  gate.open();
  await Promise.all(calls);
  expect(pool.stats()).toMatchObject({ completed: 5, failed: 0, pending: 0, running: 0 });
});

test('drain is emitted when the last pending call has settled', async () => {
  const pool = makePool(2);
  let drains = 0;
  pool.on('drain', () => {
    drains += 1;
  });
  await pool.map(square, numbers(10));
  await until(() => drains === 1);
  await Promise.all(numbers(10).map((x) => pool.apply(square, [x])));
  await until(() => drains >= 2);
});

describe('aborting what waits for a place', () => {
  test('B22 a call that waited and was aborted makes no place for another', async () => {
    const pool = makePool({ processes: 4, maxPending: 2 });
    await pool.ready();
    const gate = new Gate();
    const running = numbers(2).map((n) => pool.apply(pass<number>, [gate.shared, n]));
    await gate.reached(2);
    const aborts = numbers(3).map(() => new AbortController());
    const waiting = aborts.map(({ signal }, n) => watch(pool.apply(pass<number>, [gate.shared, n], { signal })));
    aborts[1].abort(new Error('not this one'));
    aborts[2].abort(new Error('nor this one'));
    await until(() => waiting[2].settled === 1);
    await sleep(20);
    expect(gate.entered).toBe(2);
    gate.open();
    expect(await Promise.all(running)).toEqual([0, 1]);
    await until(() => waiting[0].settled === 1);
    expect(gate.entered).toBe(3);
  });

  test('B22 a map that waited and was aborted does not run', async () => {
    const pool = makePool({ processes: 2, maxPending: 1 });
    await pool.ready();
    const [first, second] = [new Gate(), new Gate()];
    const running = pool.apply(pass<string>, [first.shared, 'whole']);
    await first.reached();
    second.open();
    const abort = new AbortController();
    const items = numbers(5).map((n): [Int32Array, number] => [second.shared, n]);
    const map = watch(pool.starmap(pass<number>, items, { signal: abort.signal }));
    const behind = pool.apply(square, [3]);
    abort.abort(new Error('not wanted'));
    await until(() => map.settled === 1);
    first.open();
    expect(await running).toBe('whole');
    expect(await behind).toBe(9);
    expect(await pool.map(square, numbers(10))).toEqual(numbers(10).map(square));
    expect(second.entered).toBe(0);
  });
});
