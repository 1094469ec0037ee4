import { Pool, type PoolOptions, type TaskOptions } from 'manycore';
import { expect, test } from 'vitest';
import { numbers, sleep } from '../helpers.js';

/** A generator of numbers in [0, 1), the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Task: counts its run, then does what `act` says. */
const act = (x: number, what: string, runs: SharedArrayBuffer): unknown => {
  const counts = new Int32Array(runs);
  const run = Atomics.add(counts, x, 1) + 1;
  switch (what) {
    case 'throw':
      throw new RangeError(`item ${x}`);
    case 'flaky':
      if (run === 1) throw new RangeError(`item ${x}`);
      return x;
    case 'exit':
      return process.exit(3);
    case 'exit once':
      return run === 1 ? process.exit(3) : x;
    case 'spin':
      for (;;);
    case 'spin once':
      while (run === 1);
      return x;
    case 'never':
      return new Promise(() => {});
    case 'later':
      return new Promise((done) => setTimeout(() => done(x), x % 4));
    case 'large':
      return new Array(2000).fill(x);
    case 'busy': {
      const end = performance.now() + 1;
      while (performance.now() < end);
      return x;
    }
    default:
      return x;
  }
};

const kinds = ['plain', 'plain', 'plain', 'busy', 'later', 'later', 'large', 'throw', 'flaky'];
const deadly = ['exit', 'exit once', 'spin', 'spin once', 'never'];
/** With several tasks in flight in a worker, one that dies or blocks takes its neighbours along: only this one does not. */
const patient = ['never'];

for (const seed of numbers(40)) {
  test(`random options and tasks, seed ${seed}`, async ({ task }) => {
    const random = generator(seed * 7919 + 1);
    const below = (limit: number): number => Math.floor(random() * limit);
    const pick = <T>(list: readonly T[]): T => list[below(list.length)];
    const options: PoolOptions = {
      processes: 1 + below(3),
      concurrency: 1 + below(4),
      grace: pick([0, 1, 10]),
      timeout: 500,
      retries: below(3),
      maxRestarts: { count: 1_000_000, within: 1000 },
    };
    if (random() < 0.3) options.maxTasksPerChild = 1 + below(20);
    if (random() < 0.3) options.maxPending = 1 + below(20);
    if (random() < 0.3) Object.assign(options, { minProcesses: 0, idleTimeout: below(5) });
    const retries = options.retries ?? 0;
    const pool = new Pool(options);
    let calls = 0;
    let items = 0;

    /** Whether a task of this kind must succeed, must fail, or may do either. */
    const outcome = (what: string): 'good' | 'bad' =>
      ['throw', 'exit', 'spin', 'never'].includes(what) || (/flaky|once/.test(what) && retries === 0) ? 'bad' : 'good';

    const check = (what: string, x: number, settled: PromiseSettledResult<unknown>): void => {
      const label = `${what} ${x} of seed ${seed}: ${JSON.stringify(settled).slice(0, 200)}`;
      expect(settled.status, label).toBe(outcome(what) === 'good' ? 'fulfilled' : 'rejected');
      if (settled.status === 'fulfilled') {
        expect(settled.value, label).toEqual(what === 'large' ? new Array(2000).fill(x) : x);
      } else {
        const { code, name } = settled.reason as { code?: string; name: string };
        const expected = { throw: 'RangeError', flaky: 'RangeError' }[what] ?? (/exit/.test(what) ? 'LOST' : 'TIMEOUT');
        expect(`${name} ${code}`, label).toContain(expected);
      }
    };

    const one = async (): Promise<void> => {
      const count = 1 + below(40);
      const whats = numbers(count).map(() =>
        pick(random() >= 0.025 ? kinds : options.concurrency === 1 ? deadly : patient),
      );
      const runs = new SharedArrayBuffer(4 * count);
      const rows = whats.map((what, x): [number, string, SharedArrayBuffer] => [x, what, runs]);
      const task: TaskOptions = random() < 0.3 ? { chunkSize: 1 + below(10) } : {};
      calls += 1;
      items += count;
      const how = below(5);
      let settled: PromiseSettledResult<unknown>[] = [];
      if (how === 0) settled = await Promise.allSettled(rows.map((row) => pool.apply(act, row)));
      else if (how === 1) settled = await pool.starmap(act, rows, { ...task, settled: true });
      else if (how === 2) {
        for await (const it of pool.istarmap(act, rows, { ...task, settled: true, bufferSize: 1 + below(30) })) {
          settled.push(it);
        }
      } else if (how === 3) {
        const all = pool.starmapAsync(act, rows, task);
        await all.wait();
        const firstBad = whats.findIndex((what) => outcome(what) === 'bad');
        expect(all.successful()).toBe(firstBad < 0);
        const [it] = await Promise.allSettled([all.get()]);
        if (it.status === 'rejected') check(whats[firstBad], firstBad, it);
        else settled = (it.value as unknown[]).map((value) => ({ status: 'fulfilled', value }));
      } else {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), below(30));
        const [it] = await Promise.allSettled([
          pool.starmap(act, rows, { ...task, settled: true, signal: controller.signal }),
        ]);
        if (it.status === 'fulfilled') settled = it.value;
        else expect(it.reason).toBe(controller.signal.reason);
      }
      for (const [x, it] of settled.entries()) check(whats[x], x, it);
    };

    const lane = async (): Promise<void> => {
      for (let round = 0; round < 12; round += 1) {
        await one();
        if (random() < 0.2) await sleep(below(15));
      }
    };
    await Promise.all([lane(), lane(), lane()]);
    expect(pool.stats()).toMatchObject({ pending: 0 });
    if (random() < 0.5) {
      pool.close();
      await pool.join();
    }
    await pool.terminate();
    expect(pool.workers).toEqual([]);
    task.meta.figures = { calls, items };
  });
}
