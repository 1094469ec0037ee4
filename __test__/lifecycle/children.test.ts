import { readdirSync } from 'node:fs';
import { Pool, type PoolOptions, TimeoutError, WorkerLostError } from 'manycore';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  addon,
  collected,
  failure,
  Gate,
  makePool,
  numbers,
  pass,
  ref,
  sleep,
  square,
  startScript,
  thrown,
  until,
  watch,
} from '../helpers.js';

const children = (options?: PoolOptions): Pool => makePool({ ...options, context: 'spawn' });
const of = (name: string) => ref('children.mjs', name);

/** Whether a process is there. */
const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a signal ends a worker', () => {
  test.each([
    ['SIGSEGV', -11],
    ['SIGABRT', -6],
    ['SIGTERM', -15],
  ] as const)('B39 %s: the call says so, no other is harmed, and the worker is replaced', async (signal, exitCode) => {
    const pool = children({ processes: 2 });
    const gate = new Gate();
    const neighbour = pool.apply(pass<string>, [gate.shared, 'whole']);
    await gate.reached();
    const slots = new Gate();
    const error = await failure(() => pool.apply(of('dieBy'), [slots.shared, signal]));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error).toMatchObject({ signal, exitCode, reason: `killed by ${signal}`, attempt: 1 });
    gate.open();
    expect(await neighbour).toBe('whole');
    expect(await pool.map(square, numbers(20))).toEqual(numbers(20).map(square));
    expect(slots.entered).toBe(1);
    expect(pool.stats().restarts).toBe(1);
  });

  test('B38 SIGKILL from outside, in a task: that call is lost, what waits behind it runs', async () => {
    const pool = children({ processes: 1 });
    const gate = new Gate();
    const lost = watch(pool.apply(pass, [gate.shared]));
    await gate.reached();
    const calls = numbers(20).map((x) => pool.apply(square, [x]));
    process.kill((pool.workers[0] as { pid: number }).pid, 'SIGKILL');
    expect(await Promise.all(calls)).toEqual(numbers(20).map(square));
    expect(lost.settled).toBe(1);
    expect(lost.error).toMatchObject({ signal: 'SIGKILL', exitCode: -9 });
  });

  test('B38 SIGKILL from outside, of a worker that idles: no call is harmed', async () => {
    const pool = children({ processes: 2 });
    await pool.ready();
    // One that is ready asks for work before it idles, and might be given some: its last look has to be over.
    await sleep(100);
    const pids = pool.workers.map(({ pid }) => pid);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(await pool.map(square, numbers(100))).toEqual(numbers(100).map(square));
    await until(() => pool.stats().restarts === 2);
  });

  test('B38 SIGKILL while it starts: another takes its place', async () => {
    const pool = children({ processes: 1 });
    const call = pool.apply(square, [4]);
    await until(() => pool.workers.length === 1);
    process.kill((pool.workers[0] as { pid: number }).pid, 'SIGKILL');
    expect(await call).toBe(16);
  });

  test('B38 while the owner blocks: the call throws, with the signal', () => {
    const pool = children({ processes: 1 });
    const error = thrown(() => pool.applySync(of('dieBy'), [new Gate().shared, 'SIGKILL']));
    expect(error).toBeInstanceOf(WorkerLostError);
    expect(error).toMatchObject({ signal: 'SIGKILL', exitCode: -9 });
    expect(pool.mapSync(square, numbers(10))).toEqual(numbers(10).map(square));
  });

  test('B38 in the middle of a map: one item is lost, each of the others runs', async () => {
    const pool = children({ processes: 2 });
    const items = numbers(60).map((x): [number, number] => [x, 31]);
    const settled = await pool.starmap(of('squareOrDie'), items, { chunkSize: 7, settled: true });
    expect(settled.flatMap((it, index) => (it.status === 'rejected' ? [index] : []))).toEqual([31]);
    expect((settled[31] as PromiseRejectedResult).reason).toMatchObject({ signal: 'SIGKILL', index: 31 });
    expect((settled[59] as PromiseFulfilledResult<number>).value).toBe(59 * 59);
  });

  test('B38 retries bring the call through', async () => {
    const pool = children({ processes: 1, retries: 2, retryOn: (error) => error instanceof WorkerLostError });
    const gate = new Gate();
    expect(await pool.apply(of('dieUntil'), [gate.shared, 'SIGKILL', 3])).toBe(3);
    expect(gate.entered).toBe(2);
  });

  test('process.abort()', async () => {
    const pool = children({ processes: 1 });
    expect(await failure(() => pool.apply(of('abort')))).toMatchObject({ signal: 'SIGABRT', exitCode: -6 });
    expect(await pool.apply(square, [5])).toBe(25);
  });
});

describe('a worker that ignores SIGTERM', () => {
  test.each(['stubborn', 'stubbornLater'])('a timeout ends it by SIGKILL (%s)', async (name) => {
    const pool = children({ processes: 1, grace: 1 });
    const gate = new Gate();
    const call = watch(pool.apply(of(name), [gate.shared], { timeout: 2000 }));
    await until(() => pool.workers.length === 1);
    const { pid } = pool.workers[0] as { pid: number };
    await until(() => call.settled === 1);
    expect(call.error).toBeInstanceOf(TimeoutError);
    expect(await pool.apply(square, [6])).toBe(36);
    await until(() => !lives(pid));
    expect(gate.entered).toBe(1);
  });

  test('terminate ends it, and settles its call', async () => {
    const pool = children({ processes: 2 });
    const gate = new Gate();
    const calls = ['stubborn', 'stubbornLater'].map((name) => watch(pool.apply(of(name), [gate.shared])));
    await gate.reached(2);
    const pids = pool.workers.map(({ pid }) => pid);
    await pool.terminate();
    expect(calls.map(({ settled }) => settled)).toEqual([1, 1]);
    await until(() => !pids.some(lives));
  });
});

test('B40 workers end when their owner is killed, whatever they do', async () => {
  const program = startScript('spawn-pool.mjs');
  let pids: number[] = [];
  onTestFinished(() => pids.filter(lives).forEach((pid) => void process.kill(pid, 'SIGKILL')));
  await program.printed('end');
  program.signal('SIGKILL');
  const { stdout } = await program.finished;
  pids = (/pids (.*) end/.exec(stdout)?.[1] ?? '').split(' ').map(Number);
  expect(pids.length).toBe(3);
  await until(() => !pids.some(lives));
});

test('a pool of processes in a process', async () => {
  const pool = children({ processes: 1 });
  const [squares, pids] = await pool.apply(of('nested'));
  expect(squares).toEqual([1, 4, 9]);
  await until(() => !pids.some(lives));
});

test.runIf(process.platform === 'linux')(
  'B47 100 pools of processes leave nothing behind',
  async () => {
    const list = (path: string): number => readdirSync(path).length;
    const pids: number[] = [];
    const one = async (how: number): Promise<void> => {
      const pool = new Pool({ processes: 1, context: 'spawn' });
      pool.on('workerStart', ({ pid }) => pids.push(pid));
      expect(await pool.apply(square, [3])).toBe(9);
      if (how === 0) process.kill((pool.workers[0] as { pid: number }).pid, 'SIGKILL');
      if (how === 1) await pool.terminate();
      else pool.close();
      await pool.join();
    };
    const some = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 2) await Promise.all([one(n % 3), one((n + 1) % 3)]);
    };
    const counts = () => ({
      files: list('/proc/self/fd'),
      shm: list('/dev/shm'),
      threads: list('/proc/self/task'),
      objects: addon.objectCount(),
      blocks: addon.blocksInUse(),
    });
    await some(10);
    await sleep(100);
    const before = counts();
    await some(90);
    expect(pids.length).toBeGreaterThanOrEqual(100);
    await until(() => !pids.some(lives));
    await collected(() => {
      const now = counts();
      return (Object.keys(before) as (keyof typeof before)[]).every((key) => now[key] <= before[key]);
    });
  },
  120_000,
);
