import { Pool, PoolTerminatedError, StateError, TimeoutError } from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  collect,
  echo,
  failure,
  Gate,
  makePool,
  numbers,
  pass,
  passAsync,
  ref,
  runScript,
  sleep,
  spin,
  square,
  until,
  watch,
} from '../helpers.js';

describe('close and join', () => {
  test('B41 close lets queued and running calls finish; new ones are refused', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const running = pool.apply(pass<string>, [gate.shared, 'running']);
    const queued = numbers(20).map((x) => pool.apply(square, [x]));
    const map = pool.map(square, numbers(50));
    await gate.reached();
    pool.close();
    const error = await failure(() => pool.apply(square, [1]));
    expect(error).toBeInstanceOf(StateError);
    expect(error.message).toContain('Pool not running');
    const joined = watch(pool.join());
    await failure(() => pool.map(square, [1]));
    expect(joined.settled).toBe(0);
    gate.open();
    await until(() => joined.settled === 1);
    expect(await running).toBe('running');
    expect(await Promise.all(queued)).toEqual(numbers(20).map(square));
    expect(await map).toEqual(numbers(50).map(square));
    expect(pool.workers).toEqual([]);
  });

  test('B41 close of a pool that never worked; close and join twice', async () => {
    const pool = makePool(2);
    pool.close();
    pool.close();
    await pool.join();
    await pool.join();
    expect(pool.workers).toEqual([]);
    pool.close();
    await pool.terminate();
    await pool.join();
  });

  test('B41 join with a timeout or a signal gives up waiting, no more', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const running = pool.apply(pass<string>, [gate.shared, 'kept']);
    await gate.reached();
    pool.close();
    expect(await failure(() => pool.join({ timeout: 5 }))).toBeInstanceOf(TimeoutError);
    const reason = new Error('enough');
    expect(await failure(() => pool.join({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    gate.open();
    await pool.join();
    expect(await running).toBe('kept');
  });

  test('B41 close while an imap is read: the rest arrives', async () => {
    const pool = makePool(2);
    const results = pool.imap(square, numbers(500), { bufferSize: 4 });
    expect((await results.next()).value).toBe(0);
    pool.close();
    expect((await collect(results)).length).toBe(499);
    await pool.join();
  });

  /** Ends after very many items, so that what reads it without end fails rather than hangs. */
  function* endless(item: unknown, pulled: { count: number }): Generator<unknown> {
    for (; pulled.count < 1_000_000; ) {
      pulled.count++;
      yield item;
    }
    throw new Error('The source was read without end');
  }

  for (const method of ['imap', 'imapUnordered'] as const) {
    test(`B41 ${method} of an endless source: join waits, and the event loop turns`, async () => {
      const cannotBeSent = Symbol('unsendable');
      for (const read of [true, false]) {
        for (const item of [1, cannotBeSent]) {
          for (const asynchronous of [false, true]) {
            const pool = makePool(2);
            const pulled = { count: 0 };
            const items = endless(item, pulled);
            const source = {
              async *[Symbol.asyncIterator]() {
                yield* items;
              },
            };
            const results = pool[method](echo, asynchronous ? source : items, { bufferSize: 8, settled: true });
            if (read) await results.next();
            pool.close();
            let ticks = 0;
            const timer = setInterval(() => ticks++, 1);
            expect(await failure(() => pool.join({ timeout: 5 }))).toBeInstanceOf(TimeoutError);
            const joined = watch(pool.join());
            await until(() => joined.settled === 1 || (ticks > 3 && pulled.count > 100));
            clearInterval(timer);
            expect(joined.settled).toBe(0);
            await pool.terminate();
          }
        }
      }
    });

    test(`B41 ${method}: join takes no more items than workers can have under way, and all of them`, async () => {
      const pool = makePool(2);
      const gate = new Gate();
      const pulled = { count: 0 };
      function* source(): Generator<[Int32Array, number]> {
        for (; pulled.count < 5000; pulled.count++) yield [gate.shared, pulled.count];
      }
      const plan = { bufferSize: 7, chunkSize: 3 };
      const results =
        method === 'imap'
          ? pool.istarmap(pass<number>, source(), plan)
          : pool.istarmapUnordered(pass<number>, source(), plan);
      await gate.reached(2);
      pool.close();
      const joined = watch(pool.join());
      await sleep(20);
      expect(pulled.count).toBeLessThanOrEqual(7);
      gate.open();
      await until(() => joined.settled === 1);
      expect(joined.error).toBe(undefined);
      // As in Python, the results can still be read.
      const values = await collect(results);
      expect(values.sort((a, b) => Number(a) - Number(b))).toEqual(numbers(5000));
    });
  }

  test('B41 timers that a task left behind do not hold up join', async () => {
    const pool = makePool(1);
    await pool.apply(() => void setInterval(() => {}, 3_600_000));
    pool.close();
    await pool.join();
    expect(pool.workers).toEqual([]);
  });

  test('B41 a retry that waits is still work: close waits for it', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const call = pool.apply(ref('context.mjs', 'failUntil'), [gate.shared, 2], { retries: 1, backoff: 20 });
    pool.close();
    await pool.join();
    expect(await call).toBe(2);
  });
});

describe('terminate', () => {
  const states: Record<string, (pool: Pool, gate: Gate) => Promise<PromiseLike<unknown>[]>> = {
    'never started': async () => [],
    starting: async (pool, gate) => [pool.ready(), pool.apply(pass, [gate.shared])],
    'just called': async (pool) => [pool.apply(square, [1]), pool.map(square, [1, 2])],
    idle: async (pool) => {
      await pool.ready();
      await pool.map(square, numbers(10));
      return [];
    },
    'in a blocking wait': async (pool, gate) => {
      const calls = [pool.apply(pass, [gate.shared]), pool.apply(pass, [gate.shared])];
      await gate.reached(2);
      return calls;
    },
    'in an endless loop': async (pool, gate) => {
      const calls = [pool.apply(spin, [gate.shared]), pool.apply(spin, [gate.shared])];
      await gate.reached(2);
      return calls;
    },
    'in asynchronous tasks': async (pool, gate) => {
      const calls = [pool.apply(passAsync, [gate.shared]), pool.apply(passAsync, [gate.shared])];
      await gate.reached(2);
      return calls;
    },
    'with a long queue': async (pool, gate) => {
      const calls: PromiseLike<unknown>[] = numbers(500).map(() => pool.apply(pass, [gate.shared]));
      calls.push(
        pool.starmap(
          pass,
          numbers(500).map((): [Int32Array] => [gate.shared]),
        ),
      );
      calls.push(pool.starmapAsync(pass, [[gate.shared]]));
      await gate.reached(2);
      return calls;
    },
    'in imap': async (pool, gate) => {
      const results = pool.istarmap(
        pass,
        numbers(50).map((): [Int32Array] => [gate.shared]),
      );
      await gate.reached(2);
      return [results.next(), results.next()];
    },
    closed: async (pool, gate) => {
      const call = pool.apply(pass, [gate.shared]);
      await gate.reached();
      pool.close();
      return [call, pool.join().then(() => Promise.reject(new PoolTerminatedError('joined')))];
    },
    'waiting for a retry': async (pool, gate) => {
      const call = pool.apply(ref('context.mjs', 'failUntil'), [gate.shared, 9], { retries: 5, backoff: 3_600_000 });
      await until(() => gate.note === 1);
      return [call];
    },
    'while a worker is replaced': async (pool, gate) => {
      await failure(() => pool.apply(ref('death.mjs', 'exit'), [1]));
      return [pool.apply(pass, [gate.shared]), pool.apply(pass, [gate.shared])];
    },
  };

  for (const [name, prepare] of Object.entries(states)) {
    test(`B42 ${name}: every promise settles once with PoolTerminatedError, the workers are gone`, async () => {
      const pool = makePool(2);
      const gate = new Gate();
      const calls = (await prepare(pool, gate)).map((call) => watch(call));
      await pool.terminate();
      expect(pool.workers).toEqual([]);
      await until(() => calls.every((call) => call.settled > 0));
      for (const call of calls) expect(call.error).toBeInstanceOf(PoolTerminatedError);
      expect(await failure(() => pool.apply(square, [1]))).toBeInstanceOf(StateError);
      await pool.join();
      gate.open();
      await new Promise((done) => setTimeout(done, 20));
      expect(calls.every((call) => call.settled === 1)).toBe(true);
      expect(pool.workers).toEqual([]);
      expect(gate.left).toBe(0);
    });

    test(`B43 ${name}: terminated twice, and once more at the same time`, async () => {
      const pool = makePool(2);
      const calls = (await prepare(pool, new Gate())).map((call) => watch(call));
      await Promise.all([pool.terminate(), pool.terminate()]);
      await pool.terminate();
      await pool[Symbol.asyncDispose]();
      await until(() => calls.every((call) => call.settled === 1));
      expect(pool.workers).toEqual([]);
    });
  }

  test('B42 calls are settled before terminate() resolves, and in the turn of the call', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const order: string[] = [];
    const call = pool.apply(pass, [gate.shared]).catch(() => order.push('call'));
    await gate.reached();
    const ended = pool.terminate().then(() => order.push('terminated'));
    await Promise.all([call, ended]);
    expect(order).toEqual(['call', 'terminated']);
  });

  test('B42 no worker is started after terminate', async () => {
    const pool = makePool({ processes: 2, maxTasksPerChild: 1 });
    let started = 0;
    pool.on('workerStart', () => {
      started += 1;
    });
    const calls = numbers(200).map((x) => watch(pool.apply(square, [x])));
    await until(() => calls.some((call) => call.settled === 1));
    await pool.terminate();
    const before = started;
    await new Promise((done) => setTimeout(done, 50));
    expect(started).toBe(before);
    expect(calls.every((call) => call.settled === 1)).toBe(true);
  });

  test('B46 await using terminates, also when the block throws', async () => {
    const pools: Pool[] = [];
    const error = await failure(async () => {
      await using pool = new Pool(1);
      pools.push(pool);
      await pool.ready();
      throw new Error('in the block');
    });
    expect(error.message).toBe('in the block');
    expect(pools[0].workers).toEqual([]);
    expect(await failure(() => pools[0].apply(square, [1]))).toBeInstanceOf(StateError);
  });

  test('B46 a development-time warning names the calls that leaving the block cut off', async () => {
    const development = await runScript('cut-off.mjs', [], { NODE_ENV: 'development' });
    expect(development.code).toBe(0);
    expect(development.stdout).toBe('ERR_MANYCORE_POOL_TERMINATED\n');
    expect(development.stderr).toMatch(/apply/);
    expect(development.stderr).toContain('neverEnds');
    const production = await runScript('cut-off.mjs', [], { NODE_ENV: 'production' });
    expect(production.stdout).toBe('ERR_MANYCORE_POOL_TERMINATED\n');
    expect(production.stderr).toBe('');
  });

  test('B47 100 pools made and ended leave no worker behind', async () => {
    const threads = () => process.getBuiltinModule('node:fs').readdirSync('/proc/self/task').length;
    const one = async (): Promise<void> => {
      await using pool = new Pool(2);
      expect(await pool.apply(square, [3])).toBe(9);
    };
    for (let round = 0; round < 20; round += 1) await one();
    const before = process.platform === 'linux' ? threads() : 0;
    for (let round = 0; round < 80; round += 1) await one();
    if (process.platform === 'linux') await until(() => threads() <= before);
    expect(process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name))).toEqual([]);
  });
});
