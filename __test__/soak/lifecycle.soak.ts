import { readdirSync } from 'node:fs';
import { Pool } from 'manycore';
import { expect, test } from 'vitest';
import { collectGarbage, numbers, ref, sleep, square, until } from '../helpers.js';

const linux = process.platform === 'linux';
const count = (folder: string): number => (linux ? readdirSync(folder).length : 0);
const threads = (): number => count('/proc/self/task');
const handles = (): number => count('/proc/self/fd');
const megabytes = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20);

/** Memory after the collector had its chance, in MB. */
async function settledMemory(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    await collectGarbage();
    await sleep(20);
  }
  return megabytes();
}

test('B47 1000 pools made and ended: no growth of memory, handles or threads', async ({ task }) => {
  const one = async (round: number): Promise<void> => {
    const pool = new Pool(2);
    if (round % 4 === 0) await pool.ready();
    if (round % 4 < 3) expect(await pool.map(square, numbers(10))).toEqual(numbers(10).map(square));
    if (round % 2) {
      pool.close();
      await pool.join();
    } else await pool.terminate();
  };
  for (let round = 0; round < 100; round += 1) await one(round);
  await until(() => process.getActiveResourcesInfo().every((name) => name !== 'MessagePort'));
  const before = { memory: await settledMemory(), handles: handles(), threads: threads() };
  for (let round = 0; round < 1000; round += 1) await one(round);
  const after = { memory: await settledMemory(), handles: handles(), threads: threads() };
  const figures = {
    'memory before, MB': before.memory,
    'memory after, MB': after.memory,
    'handles before': before.handles,
    'handles after': after.handles,
    'threads before': before.threads,
    'threads after': after.threads,
  };
  console.log(JSON.stringify({ test: 'pools', ...figures }));
  task.meta.figures = figures;
  expect(after.handles).toBeLessThanOrEqual(before.handles);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  expect(after.memory - before.memory).toBeLessThan(40);
});

test('3000 workers killed at random under load: every call is accounted for, once', async ({ task }) => {
  const pool = new Pool({ processes: 3, maxRestarts: { count: 1_000_000, within: 1000 }, grace: 0 });
  const exit = ref('death.mjs', 'exit');
  const spin = (): never => {
    for (;;);
  };
  const tally = { calls: 0, fulfilled: 0, exited: 0, timedOut: 0, aborted: 0, maps: 0 };
  let settled = 0;
  const random = ((state) => () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  })(20_261_120);

  const call = async (): Promise<void> => {
    tally.calls += 1;
    const dice = random();
    try {
      if (dice < 0.25) {
        await pool.apply(exit, [Math.floor(random() * 200)]);
        throw new Error('a task that exits cannot succeed');
      }
      if (dice < 0.3) {
        await pool.apply(spin, [], { timeout: 1 + random() * 5 });
        throw new Error('a task that never ends cannot succeed');
      }
      if (dice < 0.35) {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), random() * 5);
        await pool.apply(spin, [], { signal: controller.signal });
        throw new Error('an aborted task cannot succeed');
      }
      if (dice < 0.5) {
        const items = numbers(50 + Math.floor(random() * 100));
        expect(await pool.map(square, items)).toEqual(items.map(square));
        tally.maps += 1;
      } else {
        const x = Math.floor(random() * 1000);
        expect(await pool.apply(square, [x])).toBe(x * x);
      }
      tally.fulfilled += 1;
    } catch (error) {
      const { code, name } = error as { code?: unknown; name?: string };
      if (code === 'ERR_MANYCORE_WORKER_LOST') tally.exited += 1;
      else if (code === 'ERR_MANYCORE_TIMEOUT') tally.timedOut += 1;
      else if (name === 'AbortError') tally.aborted += 1;
      else throw error;
    } finally {
      settled += 1;
    }
  };
  const lane = async (): Promise<void> => {
    while (tally.exited + tally.timedOut + tally.aborted < 3000) await call();
  };
  await Promise.all(numbers(8).map(lane));
  const stats = pool.stats();
  expect(settled).toBe(tally.calls);
  expect(tally.fulfilled + tally.exited + tally.timedOut + tally.aborted).toBe(tally.calls);
  expect(stats.pending).toBe(0);
  expect(stats.running).toBe(0);
  expect(stats.restarts).toBe(tally.exited);
  expect(await pool.map(square, numbers(1000))).toEqual(numbers(1000).map(square));
  await pool.terminate();
  const figures = { ...tally };
  console.log(JSON.stringify({ test: 'kills', ...figures }));
  task.meta.figures = figures;
});

test('1000 pools terminated at a random moment of their work: every promise settles once', async ({ task }) => {
  const figures = { pools: 0, fulfilled: 0, terminated: 0 };
  for (let round = 0; round < 1000; round += 1) {
    const pool = new Pool(2);
    let open = 0;
    const track = async (call: PromiseLike<unknown>): Promise<void> => {
      open += 1;
      try {
        await call;
        figures.fulfilled += 1;
      } catch (error) {
        expect((error as { code: string }).code).toBe('ERR_MANYCORE_POOL_TERMINATED');
        figures.terminated += 1;
      } finally {
        open -= 1;
      }
    };
    const busy = (ms: number): number => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      return ms;
    };
    const calls = [
      ...numbers(20).map((n) => track(pool.apply(busy, [n % 3]))),
      track(pool.map(square, numbers(1000))),
      track(pool.map(busy, [1, 1, 1, 1])),
      track(pool.imap(square, numbers(100)).next()),
    ];
    if (round % 3 === 0) await pool.ready().catch(() => {});
    await sleep(round % 40);
    await pool.terminate();
    await Promise.all(calls);
    expect(open).toBe(0);
    figures.pools += 1;
  }
  console.log(JSON.stringify({ test: 'terminations', ...figures }));
  task.meta.figures = figures;
});

test('137 Pool(200)', async () => {
  await using pool = new Pool(200);
  await pool.ready();
  const squares = await pool.map(square, numbers(1000), 1);
  expect(squares.reduce((sum, value) => sum + value, 0)).toBe(332_833_500);
});
