import { describe, expect, test } from 'vitest';
import { failure, makePool, numbers, ref, runScript, square, threadOf, thrown, watch } from '../helpers.js';

const death = (name: string) => ref('death.mjs', name);

async function rejection(run: () => PromiseLike<unknown>): Promise<unknown> {
  const [settled] = await Promise.allSettled([run()]);
  expect(settled.status).toBe('rejected');
  return (settled as PromiseRejectedResult).reason;
}

describe('B10 whatever is thrown rejects, in the same worker', () => {
  const thrown: Record<string, (reason: unknown) => void> = {
    throwUndefined: (reason) => expect(reason).toBe(undefined),
    rejectUndefined: (reason) => expect(reason).toBe(undefined),
    throwNull: (reason) => expect(reason).toBe(null),
    throwText: (reason) => expect(reason).toBe('only text'),
    throwFunction: (reason) => expect(['function', 'object']).toContain(typeof reason),
    throwFrozen: (reason) => expect(reason).toEqual({ reason: 'frozen' }),
    throwFrozenError: (reason) => {
      expect(reason).toBeInstanceOf(RangeError);
      expect((reason as Error).message).toBe('frozen error');
    },
    throwSymbol: (reason) => {
      expect(reason).toBeInstanceOf(Error);
      expect((reason as Error).message).toContain('symbol');
    },
    throwGetter: (reason) => {
      expect(reason).toBeInstanceOf(Error);
      expect((reason as Error).message).toBe('hostile');
    },
  };
  for (const [name, check] of Object.entries(thrown)) {
    test(`B10 ${name}`, async () => {
      const pool = makePool(1);
      const thread = await pool.apply(threadOf);
      check(await rejection(() => pool.apply(death(name))));
      check(await rejection(() => pool.map(death(name), [1])));
      check(await rejection(() => pool.imap(death(name), [1]).next()));
      const [settled] = await pool.map(death(name), [1], { settled: true });
      expect(settled.status).toBe('rejected');
      check((settled as PromiseRejectedResult).reason);
      const result = pool.applyAsync(death(name));
      await result.wait();
      expect(result.successful()).toBe(false);
      check(await rejection(() => result.get()));
      expect(await pool.apply(threadOf)).toBe(thread);
      expect(pool.stats().restarts).toBe(0);
    });
  }

  test('B10 errorCallback gets it as it is', async () => {
    const pool = makePool(1);
    const seen: unknown[] = [];
    for (const name of ['throwUndefined', 'throwText']) {
      await pool.applyAsync(death(name), [], { errorCallback: (error) => void seen.push(error) }).wait();
    }
    expect(seen).toEqual([undefined, 'only text']);
  });

  test('B10 retryOn gets it as it is', async () => {
    const pool = makePool(1);
    const seen: unknown[] = [];
    const retryOn = (error: unknown): boolean => {
      seen.push(error);
      return true;
    };
    await rejection(() => pool.apply(death('throwText'), [], { retries: 2, retryOn }));
    expect(seen).toEqual(['only text', 'only text']);
  });
});

describe('B33 B34 errors that belong to no task', () => {
  for (const [name, kind] of [
    ['throwLater', 'B33 an error thrown in a timer'],
    ['rejectLater', 'B34 an unhandled rejection'],
  ]) {
    test(`${kind} after the result: the task is fine, error event, next call runs`, async () => {
      const pool = makePool(1);
      const errors: Error[] = [];
      const seen = new Promise<void>((done) => {
        pool.on('error', (error) => {
          errors.push(error);
          done();
        });
      });
      expect(await pool.apply(death(name), ['too late'])).toBe('returned');
      await seen;
      expect(errors.length).toBe(1);
      expect(errors[0]).toBeInstanceOf(RangeError);
      expect(errors[0].message).toBe('too late');
      expect(errors[0].stack).toContain('death.mjs');
      expect(await pool.map(square, numbers(10))).toEqual(numbers(10).map(square));
    });
  }

  for (const [name, kind] of [
    ['throwMeanwhile', 'B33 an error thrown in a timer'],
    ['rejectMeanwhile', 'B34 an unhandled rejection'],
  ]) {
    test(`${kind} while the task runs: it rejects once, the pool goes on`, async () => {
      const pool = makePool(1);
      pool.on('error', () => {});
      const call = watch(pool.apply(death(name), ['meanwhile']));
      expect(await pool.apply(square, [3])).toBe(9);
      expect(call.settled).toBe(1);
      const error = call.error as { code?: string; cause?: Error; message: string };
      expect(error).toBeInstanceOf(Error);
      expect(error.code).toBe('ERR_MANYCORE_WORKER_LOST');
      expect(error.cause).toBeInstanceOf(RangeError);
      expect(error.cause?.message).toBe('meanwhile');
      expect(await pool.map(square, numbers(10))).toEqual(numbers(10).map(square));
    });
  }
});

describe('an error outside of any task during a blocking call', () => {
  for (const name of ['throwMeanwhile', 'rejectMeanwhile']) {
    test(`${name}: the call throws, and says why`, () => {
      const pool = makePool(1);
      const error = thrown(() => pool.applySync(death(name), ['meanwhile']));
      expect(error).toMatchObject({ code: 'ERR_MANYCORE_WORKER_LOST', reason: 'uncaught error' });
      expect(error.cause).toBeInstanceOf(RangeError);
      expect(error.message).toContain('meanwhile');
      expect(pool.applySync(square, [3])).toBe(9);
    });
  }
});

describe('B37 a module that throws at load', () => {
  test('B37 every call rejects with its error: the first, those that wait, later ones', async () => {
    const pool = makePool(2);
    const never = ref('throws-at-load.mjs', 'never');
    const calls = numbers(10).map(() => watch(pool.apply(never)));
    const map = watch(pool.map(never, numbers(10)));
    expect((await failure(() => pool.apply(never))).message).toBe('this module cannot be loaded');
    for (const call of [...calls, map]) {
      while (call.settled === 0) await new Promise((done) => setTimeout(done, 1));
      expect(call.error).toBeInstanceOf(RangeError);
      expect((call.error as Error).stack).toContain('throws-at-load.mjs');
    }
    expect((await failure(() => pool.apply(never))).message).toBe('this module cannot be loaded');
    expect(await pool.apply(square, [3])).toBe(9);
    expect(pool.stats().restarts).toBe(0);
  });
});

describe('an initializer that fails', () => {
  const failing: Record<string, (...args: never[]) => unknown> = {
    throws: () => {
      throw new TypeError('no database');
    },
    rejects: async () => {
      throw new TypeError('no database');
    },
    'throws in its module': ref('state.mjs', 'failing'),
  };
  for (const [name, initializer] of Object.entries(failing)) {
    test(`${name}: every call rejects with its error, workers are not started for ever`, async () => {
      const pool = makePool({ processes: 2, initializer });
      let started = 0;
      pool.on('workerStart', () => {
        started += 1;
      });
      const calls = numbers(5).map((x) => watch(pool.apply(square, [x])));
      for (const run of [
        () => pool.ready(),
        () => pool.apply(square, [1]),
        () => pool.map(square, [1, 2]),
        () => pool.imap(square, [1]).next(),
        () => pool.applyAsync(square, [1]).get(),
        () => pool.applySync(square, [1]),
      ]) {
        const error = await failure(run);
        expect(error, String(run)).toBeInstanceOf(TypeError);
        expect(error.message).toBe('no database');
      }
      expect(calls.every((call) => call.settled === 1 && (call.error as Error).message === 'no database')).toBe(true);
      expect(started).toBeLessThanOrEqual(4);
      pool.close();
      await pool.join();
    });
  }

  test('its module is missing', async () => {
    const pool = makePool({ processes: 1, initializer: ref('nowhere.mjs', 'init') });
    expect((await failure(() => pool.apply(square, [1]))).code).toBe('ERR_MODULE_NOT_FOUND');
  });

  test('its arguments cannot be sent', async () => {
    const initializer = (value: unknown) => value;
    const error = await failure(async () => {
      const pool = makePool({ processes: 1, initializer, initArgs: [{ bad: Symbol('x') }] });
      await pool.apply(square, [1]);
    });
    expect(error.code).toBe('ERR_MANYCORE_SERIALIZATION');
    expect(error.message).toContain('initArgs[0].bad');
  });

  test('its result need not be sendable', async () => {
    const initializer = () => ({ socket: Symbol('not sent'), tasks: 0 });
    const pool = makePool({ processes: 1, initializer });
    expect(await pool.apply(square, [2])).toBe(4);
  });
});

test('what keeps every worker from starting is told of once', async () => {
  const { stdout, stderr, code } = await runScript('cwd-gone.mjs');
  expect(stdout).toBe('BrokenPoolError ENOENT\n');
  expect(stderr.match(/a worker threw outside any task/g)).toHaveLength(1);
  expect(code).toBe(0);
});
