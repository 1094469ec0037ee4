import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Barrier, BrokenPoolError, type PoolOptions, SharedArray, type WorkerInfo } from 'manycore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failure, makePool, numbers, ref, runScript, square, thrown, until } from '../helpers.js';

const MB = 1024 * 1024;
const contexts = ['thread', 'spawn'] as const;

/** The CPUs that a thread may run on, as the system says. */
const cpusOf = (thread: 'self' | 'thread-self'): number[] => {
  const status = process.getBuiltinModule('node:fs').readFileSync(`/proc/${thread}/status`, 'utf8');
  const [, list = ''] = /^Cpus_allowed_list:\s*(.*)$/m.exec(status) ?? [];
  return list.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
};

describe.runIf(process.platform === 'linux').each(contexts)('cpus (%s)', (context) => {
  const allowed = cpusOf('self');

  test('each worker runs on its own, in turn, and this thread where it did', async () => {
    const cpus = [allowed[0], allowed[allowed.length - 1], allowed[0]] as const;
    const pool = makePool({ processes: 4, context, cpus });
    await pool.ready();
    const seen = new Map<number, number[]>();
    while (seen.size < 4) {
      const found = await pool.map(ref('resources.mjs', 'where'), numbers(16), 1);
      for (const [worker, list] of found) seen.set(worker, list);
    }
    expect([...seen].sort(([a], [b]) => a - b)).toEqual([
      [1, [cpus[0]]],
      [2, [cpus[1]]],
      [3, [cpus[2]]],
      [4, [cpus[0]]],
    ]);
    expect(cpusOf('thread-self')).toEqual(allowed);
  });

  test('a replacement runs where the worker did whose place it takes', async () => {
    const cpus = [allowed[0], allowed[allowed.length - 1]] as const;
    const pool = makePool({ processes: 2, context, cpus, maxTasksPerChild: 3 });
    const found = await pool.map(ref('resources.mjs', 'where'), numbers(60), 1);
    expect(found.length).toBe(60);
    for (const [, list] of found) expect(list.length).toBe(1);
    await until(() => pool.workers.length === 2);
    const barrier = new Barrier(2);
    const both = [0, 1].map(() => pool.apply(ref('resources.mjs', 'whereBoth'), [barrier]));
    const places = (await Promise.all(both)).map(([, list]) => list[0]);
    expect(places.sort()).toEqual([...cpus].sort());
  });

  test('a CPU that is not there is named', () => {
    const missing = 1023;
    const error = thrown(() => makePool({ processes: 1, context, cpus: [allowed[0] ?? 0, missing] }));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain('`cpus[1]` to be a CPU that this process may use (');
    expect(error.message).toContain('`1023`');
    expect(thrown(() => makePool({ context, cpus: [-1] })).message).toContain('`cpus[0]` to be an integer from 0 up');
  });
});

describe.each(contexts)('maxMemoryPerWorker (%s)', (context) => {
  // A process needs some for itself.
  const room = context === 'spawn' ? 64 : 0;
  const options: PoolOptions = { processes: 1, context, maxMemoryPerWorker: (48 + room) * MB };

  test('a worker that keeps more is replaced after its task, which is no restart', async () => {
    const pool = makePool(options);
    const exits: Array<number | null> = [];
    pool.on('workerExit', (_, exitCode) => exits.push(exitCode));
    const first = await pool.apply(ref('resources.mjs', 'keep'), [8]);
    expect(await pool.apply(ref('resources.mjs', 'keep'), [8])).toEqual([first[0], 2]);
    expect(await pool.apply(ref('resources.mjs', 'keep'), [120])).toEqual([first[0], 3]);
    const [thread, count] = await pool.apply(ref('resources.mjs', 'keep'), [1]);
    expect(count).toBe(1);
    expect(thread).not.toBe(first[0]);
    await until(() => exits.length === 1);
    expect(exits).toEqual([0]);
    expect(pool.stats()).toMatchObject({ completed: 4, failed: 0, restarts: 0 });
  });

  test('objects count as buffers do, in asynchronous tasks, too', async () => {
    const pool = makePool({ ...options, concurrency: 2 });
    const [first] = await pool.apply(ref('resources.mjs', 'keepObjects'), [1000]);
    expect((await pool.apply(ref('resources.mjs', 'keepObjects'), [1_500_000]))[0]).toBe(first);
    const [thread, count] = await pool.apply(ref('resources.mjs', 'keepObjects'), [1000]);
    expect(count).toBe(1);
    expect(thread).not.toBe(first);
  });

  test.runIf(context === 'thread')('garbage does not count, nor does shared memory', async () => {
    const pool = makePool(options);
    const array = new SharedArray('d', (64 * MB) / 8);
    const threads = await pool.map(ref('resources.mjs', 'litter'), Array(12).fill(array), 1);
    expect(new Set(threads).size).toBe(1);
  });

  test('every item of a map is done once, whatever the workers keep', async () => {
    const pool = makePool({ ...options, processes: 2 });
    expect(await pool.map(ref('resources.mjs', 'keepAndSquare'), numbers(40), 1)).toEqual(numbers(40).map(square));
    expect(pool.stats()).toMatchObject({ completed: 40, restarts: 0 });
  });
});

describe.each(contexts)('stdio (%s)', (context) => {
  const print = ref('resources.mjs', 'print');
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'manycore-logs-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    return path;
  };

  test('file: each worker has its own, with what its initializer prints, errors and broken lines', async () => {
    const logs = folder();
    const infos: WorkerInfo[] = [];
    const file = (worker: WorkerInfo): string => {
      infos.push(worker);
      return join(logs, `${worker.id}-${worker.pid}-${worker.threadId}.log`);
    };
    const pool = makePool({
      processes: 2,
      context,
      stdio: { file },
      initializer: print,
      initArgs: ['started\n', 'out'],
    });
    const barrier = new Barrier(2);
    await Promise.all([0, 1].map(() => pool.apply(ref('resources.mjs', 'whereBoth'), [barrier])));
    for (let i = 0; i < 6; i++) {
      await pool.apply(print, [`${i} out\n`, 'out']);
      await pool.apply(print, [`${i} err\n`, 'err']);
    }
    expect(infos.map(({ id, ready, stdout }) => [id, ready, stdout])).toEqual([
      [1, false, null],
      [2, false, null],
    ]);
    const texts = infos.map(({ id, pid, threadId }) =>
      readFileSync(join(logs, `${id}-${pid}-${threadId}.log`), 'utf8'),
    );
    for (const text of texts) expect(text.startsWith('started\n')).toBe(true);
    const lines = texts.flatMap((text) => text.split('\n').slice(1, -1));
    expect(lines.sort()).toEqual(numbers(6).flatMap((i) => [`${i} err`, `${i} out`]));
  });

  test('file: a replacement appends to the file of the same name', async () => {
    const path = join(folder(), 'worker.log');
    const pool = makePool({ processes: 1, context, stdio: { file: () => path }, maxTasksPerChild: 1 });
    for (let i = 0; i < 3; i++) await pool.apply(print, [`line ${i}\n`, 'out']);
    expect(readFileSync(path, 'utf8')).toBe('line 0\nline 1\nline 2\n');
  });

  test('file: one that cannot be opened fails every call, and names it', async () => {
    const pool = makePool({ processes: 1, context, stdio: { file: () => join(folder(), 'missing', 'x.log') } });
    const error = await failure(() => pool.apply(square, [1]));
    expect(error.message).toContain('ENOENT');
    expect(error.message).toContain('missing/x.log');
  });

  test('file: a function that gives no path, or throws, breaks the pool', async () => {
    const wrong = makePool({ processes: 1, context, stdio: { file: () => 7 as unknown as string } });
    const error = await failure(async () => wrong.apply(square, [1]));
    expect(error).toBeInstanceOf(BrokenPoolError);
    expect(error.message).toContain('`stdio.file` to be a function that returns a path, got `7` (number)');
    const throws = () => {
      throw new RangeError('no name');
    };
    const pool = makePool({ processes: 1, context, stdio: { file: throws } });
    expect((await failure(async () => pool.apply(square, [1]))).cause).toBeInstanceOf(RangeError);
  });

  test('pipe: what a worker prints is read from its streams, and before the result', async () => {
    const pool = makePool({ processes: 2, context, stdio: 'pipe' });
    const texts = new Map<string, string>();
    const ended: string[] = [];
    pool.on('workerStart', (worker) => {
      for (const name of ['stdout', 'stderr'] as const) {
        const key = `${worker.pid}-${worker.threadId} ${name}`;
        worker[name]?.setEncoding('utf8').on('data', (text: string) => texts.set(key, (texts.get(key) ?? '') + text));
        worker[name]?.on('end', () => ended.push(key));
      }
    });
    await pool.ready();
    const [first] = pool.workers;
    expect(pool.workers.map((worker) => worker.stdout)).toContain(first?.stdout);
    for (let i = 0; i < 20; i++) {
      const [thread] = await pool.apply(print, [`line ${i}\n`, 'out']);
      expect(texts.get(`${thread} stdout`)).toMatch(new RegExp(`(^|\n)line ${i}\n$`));
    }
    const [thread] = await pool.apply(print, ['an error\n', 'err']);
    expect(texts.get(`${thread} stderr`)).toBe('an error\n');
    const items = await pool.map(ref('resources.mjs', 'printAndSquare'), numbers(200));
    expect(items).toEqual(numbers(200).map(square));
    const lines = [...texts.values()].join('').split('\n');
    for (let i = 0; i < 200; i++) expect(lines).toContain(`item ${i}`);
    await pool.terminate();
    await until(() => ended.length === 4);
  });

  test('pipe: in a blocking call, and what a worker that dies has printed', async () => {
    const pool = makePool({ processes: 1, context, stdio: 'pipe' });
    await pool.ready();
    const { stdout } = pool.workers[0] as WorkerInfo;
    pool.applySync(print, ['from a blocking call\n', 'out']);
    expect(String(stdout?.read())).toBe('from a blocking call\n');
    await failure(() => pool.apply(ref('resources.mjs', 'printAndDie'), ['last words\n']));
    expect(String(stdout?.read())).toBe('last words\n');
  });

  test('inherit: the lines of many are whole, however long they are', async () => {
    const { code, stdout } = await runScript('long-lines.mjs', [context]);
    expect(code).toBe(0);
    const lines = stdout.split('\n').slice(0, -1);
    const lengths = new Map<string, number[]>();
    for (const line of lines) {
      const letter = line.charAt(0);
      expect(line === letter.repeat(line.length), line.slice(0, 80)).toBe(true);
      lengths.set(letter, [...(lengths.get(letter) ?? []), line.length]);
    }
    const all = Array.from({ length: 40 }, (_, i) => ((i + 1) % 2 === 0 ? (i + 1) * 5000 : i + 1));
    expect([...lengths].sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => [letter, all]));
  });

  test('inherit: there are no streams', async () => {
    const pool = makePool({ processes: 1, context });
    await pool.ready();
    expect(pool.workers[0]).toMatchObject({ stdout: null, stderr: null });
  });
});
