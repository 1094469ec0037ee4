import { Barrier, cpuCount, TimeoutError } from 'manycore';
import { expect, test } from 'vitest';
import { Gate, idOf, makePool, numbers, pass, ref, sleep, square, threadOf, thrown, until } from '../helpers.js';

const gated = (gate: Gate, count: number) => numbers(count).map((n): [Int32Array, number] => [gate.shared, n]);

test('B15 a pool starts with minProcesses, grows on demand and never above processes', async () => {
  const pool = makePool({ processes: 3, minProcesses: 1 });
  expect(pool.workers.length).toBe(0);
  await pool.ready();
  expect(pool.workers.length).toBe(1);
  const gate = new Gate();
  const results = pool.starmap(pass<number>, gated(gate, 8), 1);
  await gate.reached(3);
  await sleep(20);
  expect(gate.entered).toBe(3);
  expect(pool.workers.length).toBe(3);
  gate.open();
  expect(await results).toEqual(numbers(8));
  expect(pool.workers.length).toBeLessThanOrEqual(3);
});

test('B15 a first call starts a worker per task; the others follow', async () => {
  const one = makePool(3);
  const result = one.apply(square, [2]);
  expect(one.workers.length).toBe(1);
  expect(await result).toBe(4);
  await until(() => one.workers.length === 3);

  const two = makePool(3);
  const results = [two.apply(square, [2]), two.apply(square, [3])];
  expect(two.workers.length).toBe(2);
  expect(await Promise.all(results)).toEqual([4, 9]);
  await until(() => two.workers.length === 3);
  await sleep(20);
  expect(two.workers.length).toBe(3);

  const many = makePool(3);
  const squares = many.map(square, numbers(9));
  expect(many.workers.length).toBe(3);
  expect(await squares).toEqual(numbers(9).map(square));

  const blocking = makePool(3);
  expect(blocking.applySync(square, [2])).toBe(4);
  await until(() => blocking.workers.length === 3);

  const all = makePool(3);
  const ready = all.ready();
  expect(all.workers.length).toBe(3);
  await ready;
});

test('B15 the others do not wait for a first worker whose initializer waits for theirs', async () => {
  const initializer = (barrier: Barrier) => void barrier.waitSync();
  const apart = makePool({ processes: 3, initializer, initArgs: [new Barrier(3)] });
  expect(await apart.apply(square, [2])).toBe(4);
  const blocking = makePool({ processes: 3, initializer, initArgs: [new Barrier(3)] });
  expect(blocking.applySync(square, [3])).toBe(9);
});

test('B15 a call does not wait for the only worker that has started while its owner blocks', () => {
  const pool = makePool({ processes: 2, grace: 20_000 });
  const hang = (): void => {
    for (;;);
  };
  expect(thrown(() => pool.applySync(hang, [], { timeout: 1 }))).toBeInstanceOf(TimeoutError);
  const start = performance.now();
  expect(pool.applySync(square, [3])).toBe(9);
  expect(performance.now() - start).toBeLessThan(15_000);
});

test('B15 minProcesses above processes is a RangeError', () => {
  const error = thrown(() => makePool({ processes: 2, minProcesses: 3 }));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toContain('minProcesses');
});

test('B15 minProcesses 0: no worker until there is work', async () => {
  const pool = makePool({ processes: 2, minProcesses: 0, idleTimeout: 5 });
  await pool.ready();
  expect(pool.workers.length).toBe(0);
  expect(await pool.apply(square, [3])).toBe(9);
  await until(() => pool.workers.length === 0);
  expect(await pool.apply(square, [4])).toBe(16);
});

test('B16 a cold burst of four calls uses four workers at once', async () => {
  const pool = makePool(4);
  const gate = new Gate();
  const calls = gated(gate, 4).map((args) => pool.apply(pass<number>, args));
  await gate.reached(4);
  gate.open();
  expect(await Promise.all(calls)).toEqual([0, 1, 2, 3]);
});

test('B16 a cold map of four items uses four workers at once', async () => {
  const pool = makePool(4);
  const gate = new Gate();
  const results = pool.starmap(pass<number>, gated(gate, 4));
  await gate.reached(4);
  gate.open();
  expect(await results).toEqual([0, 1, 2, 3]);
});

test('B16 a burst after idling uses all workers again', async () => {
  const pool = makePool(3);
  await pool.ready();
  for (let round = 0; round < 20; round += 1) {
    const gate = new Gate();
    const calls = gated(gate, 3).map((args) => pool.apply(pass<number>, args));
    await gate.reached(3);
    gate.open();
    await Promise.all(calls);
    if (round % 5 === 0) await sleep(10);
  }
});

test('B17 idle workers above minProcesses go, those below stay', async () => {
  const pool = makePool({ processes: 3, minProcesses: 1, idleTimeout: 20 });
  const gate = new Gate();
  const results = pool.starmap(pass, gated(gate, 3), 1);
  await gate.reached(3);
  gate.open();
  await results;
  await until(() => pool.workers.length === 1);
  await sleep(60);
  expect(pool.workers.length).toBe(1);
  const thread = idOf(pool.workers[0]);
  expect(await pool.apply(threadOf)).toBe(thread);
});

test('B17 an infinite idleTimeout keeps them', async () => {
  const pool = makePool({ processes: 2, minProcesses: 0, idleTimeout: Number.POSITIVE_INFINITY });
  const gate = new Gate();
  const results = pool.starmap(pass, gated(gate, 2), 1);
  await gate.reached(2);
  gate.open();
  await results;
  await sleep(60);
  expect(pool.workers.length).toBe(2);
});

test('B17 a worker that got a task is not ended by its idle timeout', async () => {
  const pool = makePool({ processes: 1, minProcesses: 0, idleTimeout: 1 });
  for (let round = 0; round < 30; round += 1) {
    const gate = new Gate();
    const call = pool.apply(pass<number>, [gate.shared, round]);
    await gate.reached();
    await sleep(round % 4);
    gate.open();
    expect(await call).toBe(round);
    await sleep(round % 3);
  }
  expect(pool.stats().restarts).toBe(0);
});

test('B18 worker ids are unique among the living, and used again by replacements', async () => {
  const pool = makePool({ processes: 2, maxRestarts: { count: 100, within: 60_000 } });
  const seen = new Set<number>();
  for (let round = 0; round < 20; round += 1) {
    await pool.apply(ref('death.mjs', 'exit'), [1]).catch(() => {});
    for (const { workerId } of await pool.map(ref('context.mjs', 'describe'), numbers(8), 1)) seen.add(workerId);
    const ids = pool.workers.map((worker) => worker.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) seen.add(id);
  }
  // At most one that has died and is not yet gone beside each that works.
  expect(Math.max(...seen)).toBeLessThanOrEqual(5);
  expect(Math.min(...seen)).toBe(1);
});

test('B19 the default size is cpuCount()', () => {
  expect(makePool().processes).toBe(cpuCount());
  expect(makePool({}).processes).toBe(cpuCount());
  expect(Number.isInteger(cpuCount())).toBe(true);
  expect(cpuCount()).toBeGreaterThanOrEqual(1);
});

test('workers start at the first call, or at ready()', async () => {
  const lazy = makePool(2);
  expect(lazy.workers).toEqual([]);
  await lazy.apply(square, [1]);
  expect(lazy.workers.length).toBeGreaterThanOrEqual(1);
  const eager = makePool(2);
  expect(await eager.ready()).toBe(eager);
  expect(eager.workers.length).toBe(2);
  expect(await eager.ready()).toBe(eager);
});

test('a worker that dies as it is dismissed does not take the next one with it', async () => {
  const pool = makePool({ processes: 1, idleTimeout: 100 });
  const gate = new Gate();
  await pool.apply(ref('death.mjs', 'exitOnceOpen'), [gate.shared, 0]);
  // It ends while this thread is busy. The timer that dismisses it comes before the news of its end.
  await new Promise((turn) => setImmediate(turn));
  gate.open();
  const end = performance.now() + 200;
  while (performance.now() < end);
  await sleep(0);
  expect(await pool.apply(square, [3])).toBe(9);
  await until(() => pool.workers.length === 0);
  expect(pool.stats().restarts).toBe(0);
});
