import { SHARE_ENV } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { cpuCount } from '../../ts/internal/cpu.js';
import { poolOptions } from '../../ts/internal/options.js';
import type { PoolOptions } from '../../ts/pool/options.js';

describe('pool options', () => {
  it('have defaults', () => {
    expect(poolOptions()).toEqual({
      processes: cpuCount(),
      minProcesses: cpuCount(),
      idleTimeout: Number.POSITIVE_INFINITY,
      initializer: undefined,
      initArgs: [],
      maxTasksPerChild: Number.POSITIVE_INFINITY,
      context: 'thread',
      concurrency: 1,
      timeout: Number.POSITIVE_INFINITY,
      grace: 100,
      retries: 0,
      retryOn: undefined,
      backoff: 0,
      maxRestarts: { count: 10, within: 60_000 },
      maxPending: Number.POSITIVE_INFINITY,
      whenFull: 'wait',
      resourceLimits: undefined,
      env: undefined,
      execArgv: undefined,
      argv: undefined,
      name: undefined,
      maxMemoryPerWorker: Number.POSITIVE_INFINITY,
      cpus: undefined,
      stdio: 'inherit',
    });
    expect(poolOptions({})).toEqual(poolOptions());
    expect(poolOptions({ processes: undefined, name: undefined } as PoolOptions)).toEqual(poolOptions());
  });

  it('a number is the number of processes', () => {
    expect(poolOptions(3)).toEqual(poolOptions({ processes: 3 }));
    expect(poolOptions(3)).toMatchObject({ processes: 3, minProcesses: 3 });
    expect(() => poolOptions(0)).toThrow('Expected `processes` to be an integer from 1 to 1023, got `0` (number)');
  });

  it('take every option of their type', () => {
    const given = {
      processes: 4,
      minProcesses: 1,
      idleTimeout: 500,
      initializer: () => 1,
      initArgs: [1, 'a'],
      maxTasksPerChild: 7,
      context: 'inline',
      concurrency: 8,
      timeout: 1000,
      grace: 50,
      retries: 2,
      retryOn: () => true,
      backoff: (attempt: number) => attempt * 10,
      maxRestarts: { count: 1, within: 2 },
      maxPending: 100,
      whenFull: 'reject',
      resourceLimits: { maxOldGenerationSizeMb: 64, stackSizeMb: 4 },
      env: { A: 'b', C: undefined },
      execArgv: ['--import', 'tsx'],
      argv: ['x'],
      name: 'thumbnails',
      maxMemoryPerWorker: 1e9,
      cpus: [0, 1, 0],
      stdio: { file: () => 'x.log' },
    } satisfies PoolOptions;
    expect(poolOptions(given)).toEqual(given);
    expect(poolOptions({ env: SHARE_ENV }).env).toBe(SHARE_ENV);
    expect(poolOptions({ env: process.env }).env).toBe(process.env);
    expect(poolOptions({ context: 'thread' }).context).toBe('thread');
    expect(poolOptions({ backoff: 20 }).backoff).toBe(20);
    expect(poolOptions({ retries: Number.POSITIVE_INFINITY }).retries).toBe(Number.POSITIVE_INFINITY);
  });

  it('negative times count as 0, and Infinity is for ever', () => {
    const options = poolOptions({ timeout: -5, grace: -1, idleTimeout: -1, maxRestarts: { within: -1 }, backoff: -3 });
    expect(options).toMatchObject({ timeout: 0, grace: 0, idleTimeout: 0, backoff: 0 });
    expect(options.maxRestarts).toEqual({ count: 10, within: 0 });
    expect(poolOptions({ timeout: Number.POSITIVE_INFINITY }).timeout).toBe(Number.POSITIVE_INFINITY);
  });

  it('minProcesses and idleTimeout imply each other', () => {
    expect(poolOptions({ processes: 4, minProcesses: 1 }).idleTimeout).toBe(10_000);
    expect(poolOptions({ processes: 4, minProcesses: 4 }).idleTimeout).toBe(Number.POSITIVE_INFINITY);
    expect(poolOptions({ processes: 4, idleTimeout: 50 })).toMatchObject({ minProcesses: 0, idleTimeout: 50 });
    expect(() => poolOptions({ processes: 2, minProcesses: 3 })).toThrow(RangeError);
    expect(() => poolOptions({ processes: 2, minProcesses: 3 })).toThrow(
      'Expected `minProcesses` to be at most `processes` (2), got `3` (number)',
    );
  });

  const integer = 'an integer from 1 up';
  const workers = 'an integer from 1 to 1023';
  const milliseconds = 'a number of milliseconds';
  it.each([
    ['processes', 0, RangeError, workers],
    ['processes', 1.5, RangeError, workers],
    ['processes', 1024, RangeError, workers],
    ['processes', 2 ** 31, RangeError, workers],
    ['processes', Number.NaN, RangeError, workers],
    ['processes', Number.POSITIVE_INFINITY, RangeError, workers],
    ['processes', '4', TypeError, workers],
    ['processes', null, TypeError, workers],
    ['minProcesses', -1, RangeError, 'an integer from 0 up'],
    ['maxTasksPerChild', 0, RangeError, integer],
    ['maxTasksPerChild', -1, RangeError, integer],
    ['maxTasksPerChild', 0.5, RangeError, integer],
    ['maxTasksPerChild', '12', TypeError, integer],
    ['concurrency', 0, RangeError, 'an integer from 1 to 4095'],
    ['concurrency', 1e9, RangeError, 'an integer from 1 to 4095'],
    ['maxPending', 0, RangeError, integer],
    ['retries', -1, RangeError, 'an integer from 0 up'],
    ['maxMemoryPerWorker', 0, RangeError, integer],
    ['maxMemoryPerWorker', '1 GB', TypeError, integer],
    ['cpus', 0, TypeError, 'an array'],
    ['cpus', [], RangeError, 'a list of at least one CPU'],
    ['stdio', 'ignore', RangeError, "'inherit', 'pipe' or an object `{ file: (worker) => path }`"],
    ['stdio', 1, TypeError, "'inherit', 'pipe' or an object `{ file: (worker) => path }`"],
    ['timeout', '5s', TypeError, milliseconds],
    ['timeout', Number.NaN, RangeError, milliseconds],
    ['timeout', 5n, TypeError, milliseconds],
    ['grace', true, TypeError, milliseconds],
    ['idleTimeout', {}, TypeError, milliseconds],
    ['backoff', '1', TypeError, 'a number of milliseconds or a function'],
    ['backoff', Number.NaN, RangeError, 'a number of milliseconds or a function'],
    ['initializer', 'init', TypeError, 'a function'],
    ['initArgs', 'abc', TypeError, 'an array'],
    ['retryOn', /x/, TypeError, 'a function'],
    ['whenFull', 'drop', RangeError, "'wait' or 'reject'"],
    ['whenFull', 1, TypeError, "'wait' or 'reject'"],
    ['context', 'process', RangeError, "'thread' or 'spawn' or 'inline', or a Context"],
    ['context', {}, TypeError, "'thread' or 'spawn' or 'inline', or a Context"],
    ['maxRestarts', 3, TypeError, 'an object'],
    ['resourceLimits', [], TypeError, 'an object'],
    ['env', 'A=b', TypeError, 'an object or SHARE_ENV'],
    ['execArgv', '--import', TypeError, 'an array of strings'],
    ['argv', {}, TypeError, 'an array of strings'],
    ['name', 5, TypeError, 'a string'],
  ])('%s: %o is refused', (name, value, Kind, what) => {
    const make = () => poolOptions({ [name]: value } as PoolOptions);
    expect(make).toThrow(Kind);
    expect(make).toThrow(`Expected \`${name}\` to be ${what}, got `);
  });

  it('fewer child processes than threads', () => {
    expect(poolOptions({ processes: 1023 }).processes).toBe(1023);
    expect(poolOptions({ processes: 255, context: 'spawn' }).processes).toBe(255);
    const tooMany = () => poolOptions({ processes: 256, context: 'spawn' });
    expect(tooMany).toThrow(RangeError);
    expect(tooMany).toThrow('Expected `processes` to be at most 255');
  });

  it('name what sits deeper', () => {
    expect(() => poolOptions({ maxRestarts: { count: -1 } })).toThrow('`maxRestarts.count` to be an integer from 0 up');
    expect(() => poolOptions({ maxRestarts: { counts: 1 } as object })).toThrow(
      'Unknown option `counts`; did you mean `count`?',
    );
    expect(() => poolOptions({ resourceLimits: { maxOldGenerationSizeMb: 0 } })).toThrow(
      '`resourceLimits.maxOldGenerationSizeMb` to be a number above 0',
    );
    expect(() => poolOptions({ env: { PORT: 80 as never } })).toThrow('Expected `env.PORT` to be a string, got `80`');
    expect(() => poolOptions({ execArgv: ['a', 1 as never] })).toThrow(
      'Expected `execArgv[1]` to be a string, got `1`',
    );
  });

  it.each([
    ['maxtasksperchild', 'maxTasksPerChild'],
    ['max_tasks_per_child', 'maxTasksPerChild'],
    ['initargs', 'initArgs'],
    ['initialiser', 'initializer'],
    ['proccesses', 'processes'],
    ['maxThreads', 'processes'],
    ['max_workers', 'processes'],
    ['mp_context', 'context'],
    ['timeOut', 'timeout'],
    ['maxQueue', 'maxPending'],
  ])('%s is unknown, and %s is named', (given, meant) => {
    const make = () => poolOptions({ [given]: 1 });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(`Unknown option \`${given}\`; did you mean \`${meant}\`?`);
  });

  it('name nothing when nothing is near, and the place of an option of calls', () => {
    expect(() => poolOptions({ zebra: 1 } as PoolOptions)).toThrow(/^Unknown option `zebra`$/);
    expect(() => poolOptions({ chunkSize: 1 } as PoolOptions)).toThrow(
      /option of a call such as `map`, not of the pool$/,
    );
  });

  it.each(['fork', 'forkserver'])('context %s says why Node cannot', (context) => {
    const make = () => poolOptions({ context: context as 'thread' });
    expect(make).toThrow(RangeError);
    expect(make).toThrow(/a fork copies only the thread that calls it/);
  });

  it.each([null, 'two', [], true, () => 1])('%o is no options', (given) => {
    expect(() => poolOptions(given as never)).toThrow(/^Expected `options` to be a number of processes or an object/);
  });

  describe('and a polluted prototype', () => {
    const polluted = Object.prototype as Record<string, unknown>;
    afterEach(() => {
      for (const name of ['processes', 'timeout', 'zebra', 'count']) Reflect.deleteProperty(polluted, name);
    });

    it('changes nothing', () => {
      polluted.processes = 99;
      polluted.timeout = 1;
      polluted.zebra = 1;
      polluted.count = 5;
      expect(poolOptions({ maxRestarts: { within: 7 } })).toMatchObject({
        processes: cpuCount(),
        timeout: Number.POSITIVE_INFINITY,
        maxRestarts: { count: 10, within: 7 },
      });
      expect(poolOptions().processes).toBe(cpuCount());
    });

    it('is not written to', () => {
      expect(() => poolOptions(JSON.parse('{"__proto__": {"processes": 3}}'))).toThrow('Unknown option `__proto__`');
      expect(() => poolOptions({ constructor: 1 } as object)).toThrow('Unknown option `constructor`');
      expect(poolOptions(Object.create({ processes: 77, zebra: 1 }))).toMatchObject({ processes: cpuCount() });
    });
  });

  it('are read once, so that a getter cannot answer twice', () => {
    let reads = 0;
    const given = {
      get processes() {
        reads++;
        return reads;
      },
    };
    expect(poolOptions(given).processes).toBe(1);
    expect(reads).toBe(1);
  });
});
