import { getContext, Pool, type PoolOptions, range, type TaskOptions } from 'manycore';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, failure, inChildren, makePool, ref, square, threadOf, thrown } from '../helpers.js';

type Wrong = [value: unknown, kind: typeof TypeError | typeof RangeError];

const wrongPoolOptions: Record<string, Wrong[]> = {
  processes: [
    [0, RangeError],
    [1.5, RangeError],
    ['2', TypeError],
    [null, TypeError],
  ],
  minProcesses: [
    [-1, RangeError],
    [0.5, RangeError],
    ['1', TypeError],
  ],
  idleTimeout: [
    [Number.NaN, RangeError],
    ['10', TypeError],
  ],
  initializer: [
    ['init', TypeError],
    [null, TypeError],
  ],
  initArgs: [
    [5, TypeError],
    ['text', TypeError],
  ],
  maxTasksPerChild: [
    [0, RangeError],
    [-1, RangeError],
    [0.5, RangeError],
    ['12', TypeError],
  ],
  context: [
    ['fork', RangeError],
    ['forkserver', RangeError],
    ['threads', RangeError],
    [7, TypeError],
  ],
  concurrency: [
    [0, RangeError],
    [1.5, RangeError],
    ['2', TypeError],
  ],
  timeout: [
    [Number.NaN, RangeError],
    ['1s', TypeError],
  ],
  grace: [
    [Number.NaN, RangeError],
    ['1s', TypeError],
  ],
  retries: [
    [-1, RangeError],
    [0.5, RangeError],
    ['1', TypeError],
  ],
  retryOn: [[true, TypeError]],
  backoff: [['1s', TypeError]],
  maxRestarts: [
    [5, TypeError],
    [{ count: -1, within: 1 }, RangeError],
    [{ count: '1', within: 1 }, TypeError],
  ],
  maxPending: [
    [-1, RangeError],
    [0.5, RangeError],
    ['1', TypeError],
  ],
  whenFull: [
    ['drop', RangeError],
    [1, TypeError],
  ],
  resourceLimits: [[5, TypeError]],
  env: [[5, TypeError]],
  execArgv: [['--flag', TypeError]],
  argv: [['a', TypeError]],
  name: [[5, TypeError]],
};

const wrongTaskOptions: Record<string, Wrong[]> = {
  chunkSize: [
    [0, RangeError],
    [-1, RangeError],
    [0.5, RangeError],
    ['1', TypeError],
  ],
  signal: [
    [{}, TypeError],
    ['abort', TypeError],
  ],
  timeout: [
    [Number.NaN, RangeError],
    ['1s', TypeError],
  ],
  grace: [
    [Number.NaN, RangeError],
    ['1s', TypeError],
  ],
  retries: [
    [-1, RangeError],
    ['1', TypeError],
  ],
  retryOn: [[1, TypeError]],
  backoff: [['1s', TypeError]],
  concurrency: [
    [0, RangeError],
    ['2', TypeError],
  ],
  failFast: [['yes', TypeError]],
  settled: [[1, TypeError]],
  progress: [['bar', TypeError]],
  onReport: [['f', TypeError]],
  transfer: [[5, TypeError]],
};

test('arguments by position, as Python takes them, are refused', () => {
  const byPosition = Pool as unknown as new (...args: unknown[]) => Pool;
  for (const C of [byPosition, getContext('spawn').Pool as unknown as typeof byPosition]) {
    expect(() => new C(2, square, [1])).toThrow(TypeError);
    expect(() => new C(2, square, [1])).toThrow('`new Pool({ processes, initializer, initArgs })`');
    expect(() => new C(2, undefined)).not.toThrow();
  }
});

describe('the name', () => {
  for (const context of ['thread', 'spawn'] as const) {
    test(`B14 begins those of the workers, by '${context}'`, async () => {
      await using pool = new Pool({ processes: 1, name: '$& thumbnails', context });
      const { facts } = await pool.apply(ref('processes.mjs', 'factsOfWorker'));
      expect(facts.name).toMatch(/^\$& thumbnails-\d+$/);
    });
  }
});

describe('B14 invalid options are refused at the call, by name', () => {
  for (const [name, cases] of Object.entries(wrongPoolOptions)) {
    test(`B14 new Pool({ ${name} })`, () => {
      for (const [value, kind] of cases) {
        const error = thrown(() => new Pool({ [name]: value } as PoolOptions));
        expect(error, `${name}: ${String(value)}`).toBeInstanceOf(kind);
        expect(error.message.toLowerCase()).toContain(name.toLowerCase());
      }
    });
  }

  for (const [name, cases] of Object.entries(wrongTaskOptions)) {
    test(`B14 map(fn, items, { ${name} })`, () => {
      const pool = makePool(1);
      for (const [value, kind] of cases) {
        const options = { [name]: value } as TaskOptions;
        for (const call of [() => pool.map(square, [1], options), () => pool.mapSync(square, [1], options)]) {
          const error = thrown(call);
          expect(error, `${name}: ${String(value)}`).toBeInstanceOf(kind);
          expect(error.message).toContain(name);
        }
      }
      expect(pool.workers).toEqual([]);
    });
  }

  test('B14 the message says what was expected and what was given', () => {
    expect(thrown(() => new Pool({ processes: -1 })).message).toMatch(/`processes`.*integer.*-1/);
    expect(thrown(() => new Pool({ timeout: '1s' as unknown as number })).message).toMatch(/`timeout`.*1s/);
  });

  test('B14 an unknown option names the nearest', () => {
    const options = (value: object) => value as PoolOptions;
    expect(thrown(() => new Pool(options({ maxTasksperchild: 1 }))).message).toContain(
      'Unknown option `maxTasksperchild`; did you mean `maxTasksPerChild`?',
    );
    expect(thrown(() => new Pool(options({ initargs: [] })))).toBeInstanceOf(TypeError);
    const pool = makePool(1);
    const wrong = { chunksize: 1 } as TaskOptions;
    for (const call of [
      () => pool.map(square, [1], wrong),
      () => pool.apply(square, [1], wrong),
      () => pool.imap(square, [1], wrong),
      () => pool.mapSync(square, [1], wrong),
      () => pool.starmapAsync(square, [[1]], wrong),
    ]) {
      const error = thrown(call);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain('Unknown option `chunksize`; did you mean `chunkSize`?');
    }
    const nothingNear = thrown(() => new Pool(options({ zzzzzzzzzz: 1 })));
    expect(nothingNear.message).toContain('zzzzzzzzzz');
    expect(nothingNear.message).not.toContain('did you mean');
  });

  test("B14 asking for 'fork' or 'forkserver' says why Node cannot", () => {
    for (const context of ['fork', 'forkserver']) {
      const error = thrown(() => new Pool({ context: context as 'thread' }));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain('thread');
      expect(error.message).toMatch(/Node/);
    }
  });

  test('B14 undefined is the same as absent, everywhere', async () => {
    const options = Object.fromEntries(Object.keys(wrongPoolOptions).map((name) => [name, undefined]));
    const pool = new Pool(options);
    await pool.terminate();
    const other = makePool({ processes: 1, timeout: undefined, initializer: undefined } as PoolOptions);
    const taskOptions = Object.fromEntries(Object.keys(wrongTaskOptions).map((name) => [name, undefined]));
    expect(await other.map(square, [2], taskOptions)).toEqual([4]);
    expect(await other.apply(square, [2], undefined)).toBe(4);
  });

  test('B14 the options object may have no prototype, and is not changed', async () => {
    const options: PoolOptions = Object.freeze(Object.assign(Object.create(null), { processes: 1 }));
    expect(makePool(options).processes).toBe(1);
    const taskOptions: TaskOptions = Object.freeze(Object.assign(Object.create(null), { chunkSize: 1 }));
    expect(await makePool(1).map(square, [2], taskOptions)).toEqual([4]);
  });

  describe('options come from the object itself', () => {
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    afterEach(() => {
      for (const name of ['maxTasksPerChild', 'processes', 'chunkSize', 'timeout']) delete prototype[name];
    });

    test('B14 a polluted Object.prototype is not read', async () => {
      prototype.processes = 7;
      prototype.maxTasksPerChild = 'polluted';
      prototype.chunkSize = -3;
      prototype.timeout = 'polluted';
      const pool = makePool({ name: 'clean' });
      expect(pool.processes).toBe(makePool().processes);
      expect(await pool.map(square, [1, 2], {})).toEqual([1, 4]);
      expect(await pool.apply(square, [3], {})).toBe(9);
    });
  });

  test('negative times count as 0', async () => {
    const pool = makePool({ processes: 2, grace: -5 });
    const result = pool.applyAsync(() => new Promise(() => {}));
    expect((await failure(() => result.get({ timeout: -100 }))).code).toBe('ERR_MANYCORE_TIMEOUT');
    expect((await failure(() => pool.apply(() => new Promise(() => {}), [], { timeout: -1 }))).code).toBe(
      'ERR_MANYCORE_TIMEOUT',
    );
    const seen = await failure(() => result.get({ timeout: 1 }));
    expect(seen.code).toBe('ERR_MANYCORE_TIMEOUT');
  });

  test('Infinity is a time: for ever', async () => {
    const pool = makePool({ processes: 1, timeout: Number.POSITIVE_INFINITY, idleTimeout: Number.POSITIVE_INFINITY });
    expect(await pool.apply(square, [2], { timeout: Number.POSITIVE_INFINITY })).toBe(4);
  });
});

describe('range', () => {
  test('range has the forms and the values of Python', () => {
    expect([...range(4)]).toEqual([0, 1, 2, 3]);
    expect([...range(2, 5)]).toEqual([2, 3, 4]);
    expect([...range(10, 0, -3)]).toEqual([10, 7, 4, 1]);
    expect([...range(5, 2)]).toEqual([]);
    expect([...range(-2)]).toEqual([]);
    const once = range(3);
    expect([...once, ...once]).toEqual([0, 1, 2, 0, 1, 2]);
    expect(thrown(() => range(0, 1, 0))).toBeInstanceOf(RangeError);
    expect(thrown(() => range('3' as unknown as number))).toBeInstanceOf(TypeError);
    expect(thrown(() => range(Number.NaN))).toBeInstanceOf(RangeError);
  });

  test('range is a source for map and imap', async () => {
    const pool = makePool(2);
    expect(await pool.map(square, range(1, 8, 3))).toEqual([1, 16, 49]);
    expect(await collect(pool.imap(square, range(1, 8, 3)))).toEqual([1, 16, 49]);
    expect(pool.mapSync(square, range(3, 0, -1))).toEqual([9, 4, 1]);
  });
});

describe('options of the worker', () => {
  test('B50 argv, env, execArgv and resourceLimits reach the worker', async () => {
    const pool = makePool({
      processes: 1,
      argv: ['first', 'second'],
      env: { ONLY_HERE: 'yes' },
      execArgv: ['--no-warnings'],
      resourceLimits: { maxOldGenerationSizeMb: 123 },
    });
    const seen = await pool.apply(() => ({
      argv: process.argv.slice(2),
      env: { ...process.env },
      execArgv: process.execArgv,
      limits: process.getBuiltinModule('node:worker_threads').resourceLimits,
    }));
    expect(seen.argv).toEqual(['first', 'second']);
    expect(seen.env).toEqual({ ONLY_HERE: 'yes' });
    // A process is limited by flags.
    expect(seen.execArgv).toEqual(inChildren ? ['--no-warnings', '--max-old-space-size=123'] : ['--no-warnings']);
    if (!inChildren) expect(seen.limits.maxOldGenerationSizeMb).toBe(123);
  });

  test('B50 without env a worker has a copy of the environment', async () => {
    process.env.MANYCORE_TEST_VARIABLE = 'inherited';
    try {
      const pool = makePool(1);
      const change = (): string | undefined => {
        const before = process.env.MANYCORE_TEST_VARIABLE;
        process.env.MANYCORE_TEST_VARIABLE = 'changed';
        return before;
      };
      expect(await pool.apply(change)).toBe('inherited');
      expect(process.env.MANYCORE_TEST_VARIABLE).toBe('inherited');
    } finally {
      delete process.env.MANYCORE_TEST_VARIABLE;
    }
  });

  test('a number is the same as { processes }', async () => {
    const pool = makePool(2);
    expect(pool.processes).toBe(2);
    const threads = new Set(await pool.map(threadOf, [1, 2, 3, 4], 1));
    expect(threads.size).toBeLessThanOrEqual(2);
  });
});
