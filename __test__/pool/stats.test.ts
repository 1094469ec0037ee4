import type { Progress } from 'manycore';
import { describe, expect, test } from 'vitest';
import { failure, Gate, idOf, makePool, numbers, pass, ref, runScript, square, threadOf, until } from '../helpers.js';

describe('stats', () => {
  test('each worker tells how long it took to start, waited and worked', async () => {
    const pool = makePool(2);
    await pool.ready();
    const busy = (ms: number): void => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    };
    await pool.map(busy, [20, 20, 20, 20], 1);
    const stats = pool.stats();
    expect(stats.workers.length).toBe(2);
    for (const worker of stats.workers) {
      for (const name of ['startUp', 'init', 'waiting', 'working'] as const) {
        expect(worker[name], name).toBeGreaterThanOrEqual(0);
      }
    }
    const working = stats.workers.reduce((sum, worker) => sum + worker.working, 0);
    expect(working).toBeGreaterThanOrEqual(75);
    const completed = stats.workers.reduce((sum, worker) => sum + worker.completed, 0);
    expect(completed).toBe(4);
  });

  test('percentiles of waiting and running', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const blocked = pool.apply(pass, [gate.shared]);
    await gate.reached();
    const queued = pool.map(square, numbers(10), 1);
    const since = performance.now();
    await until(() => performance.now() - since > 40);
    gate.open();
    await blocked;
    await queued;
    const { waitTime, runTime } = pool.stats();
    for (const times of [waitTime, runTime]) {
      expect(times.p50).toBeGreaterThanOrEqual(0);
      expect(times.p99).toBeGreaterThanOrEqual(times.p50);
      expect(times.max).toBeGreaterThanOrEqual(times.p99);
    }
    // They are exact to a fifth.
    expect(waitTime.max).toBeGreaterThanOrEqual(32);
    expect(runTime.max).toBeGreaterThanOrEqual(32);
  });

  test('the slowest tasks', async () => {
    const pool = makePool(2);
    const busy = (ms: number): void => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    };
    await pool.map(busy, [0, 0, 0, 60, 0, 0], 1);
    const [slowest] = pool.stats().slowest;
    expect(slowest.index).toBe(3);
    expect(slowest.time).toBeGreaterThanOrEqual(55);
  });

  test('restarts counts the workers that died, not those that were recycled or killed', async () => {
    const pool = makePool({ processes: 1, maxTasksPerChild: 2, grace: 0 });
    await pool.map(square, numbers(10), 1);
    await failure(() => pool.apply(() => new Promise(() => {}), [], { timeout: 1 }));
    expect(pool.stats().restarts).toBe(0);
    await failure(() => pool.apply(ref('death.mjs', 'exit'), [1]));
    await pool.apply(square, [1]);
    expect(pool.stats().restarts).toBe(1);
  });

  test('stats can be read before the start, after close and after terminate', async () => {
    const pool = makePool(1);
    expect(pool.stats().completed).toBe(0);
    await pool.apply(square, [1]);
    pool.close();
    await pool.join();
    expect(pool.stats().completed).toBe(1);
    await pool.terminate();
    expect(pool.stats().completed).toBe(1);
  });
});

describe('events', () => {
  test('workerStart and workerExit, once for each worker', async () => {
    const pool = makePool(2);
    const started: number[] = [];
    const ended: number[] = [];
    pool.on('workerStart', (worker) => started.push(idOf(worker)));
    pool.on('workerExit', (worker) => ended.push(idOf(worker)));
    await pool.ready();
    expect(started.length).toBe(2);
    expect(started.sort()).toEqual(pool.workers.map(idOf).sort());
    expect(started).toContain(await pool.apply(threadOf));
    await pool.terminate();
    expect(ended.sort()).toEqual(started.sort());
  });

  test('a worker that dies and its replacement', async () => {
    const pool = makePool(1);
    const log: string[] = [];
    pool.on('workerStart', () => log.push('start'));
    pool.on('workerExit', () => log.push('exit'));
    await pool.ready();
    await failure(() => pool.apply(ref('death.mjs', 'exit'), [1]));
    await pool.apply(square, [1]);
    await until(() => log.length === 3);
    expect(log).toContain('exit');
    expect(log.filter((it) => it === 'start').length).toBe(2);
    await pool.terminate();
    expect(log.length).toBe(4);
  });

  test('a listener that throws does not break the pool', async () => {
    const { code, stdout } = await runScript('throwing-listener.mjs');
    expect(stdout).toContain('uncaught: in the listener\n');
    expect(stdout).toContain('16\n');
    expect(code).toBe(0);
  });

  test('error: what a worker threw outside any task', async () => {
    const pool = makePool(1);
    const errors: Error[] = [];
    pool.on('error', (error) => errors.push(error));
    expect(await pool.apply(ref('death.mjs', 'throwLater'), ['from a timer'])).toBe('returned');
    await until(() => errors.length === 1);
    expect(errors[0]).toBeInstanceOf(RangeError);
    expect(errors[0].message).toBe('from a timer');
    expect(await pool.apply(square, [3])).toBe(9);
  });
});

describe('progress', () => {
  test('a function gets every step up to the end', async () => {
    const pool = makePool(2);
    const steps: Progress[] = [];
    await pool.map(square, numbers(100), { chunkSize: 10, progress: (step) => void steps.push({ ...step }) });
    expect(steps.length).toBeGreaterThanOrEqual(1);
    for (const step of steps) expect(step.total).toBe(100);
    const done = steps.map((step) => step.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(100);
  });

  test('items that fail count, too', async () => {
    const pool = makePool(2);
    let last: Progress | undefined;
    const call = (x: number): number => {
      if (x % 2) throw new Error('odd');
      return x;
    };
    const progress = (step: Progress): void => {
      last = { ...step };
    };
    await failure(() => pool.map(call, numbers(20), { progress }));
    expect(last).toMatchObject({ done: 20, failed: 10, total: 20, remaining: 0 });
  });

  test('imap: the total of a source without a length is not known', async () => {
    const pool = makePool(2);
    const steps: Progress[] = [];
    function* source(): Generator<number> {
      yield* numbers(10);
    }
    const results = pool.imap(square, source(), { progress: (step) => void steps.push({ ...step }) });
    while (!(await results.next()).done);
    expect(steps.at(-1)?.done).toBe(10);
    expect(steps[0].total).toBeUndefined();
  });

  test('true prints plain lines where there is no terminal', async () => {
    const { code, stdout, stderr } = await runScript('progress.mjs');
    expect(code).toBe(0);
    expect(stdout).toBe('done 50\n');
    expect(stderr).toContain('50/50');
    expect(stderr).not.toContain('\r');
    expect(stderr).not.toContain('\x1b');
    expect(stderr.endsWith('\n')).toBe(true);
  });

  test('a progress function that throws becomes the rejection; the pool goes on', async () => {
    const pool = makePool(2);
    const boom = new Error('in progress');
    const progress = () => {
      throw boom;
    };
    expect(await failure(() => pool.map(square, numbers(10), { progress }))).toBe(boom);
    expect(await pool.apply(square, [2])).toBe(4);
  });
});
