import { Pool, PoolTerminatedError, SerializationError, StateError, TimeoutError } from 'manycore';
import { describe, expect, test, vi } from 'vitest';
import { echo, failure, Gate, makePool, pass, ref, square, threadOf, thrown, watch } from '../helpers.js';

describe('apply and applyAsync', () => {
  test('105 apply: positional arguments, and named ones as an object', async () => {
    const pool = makePool(2);
    expect(await pool.apply(square, [5])).toBe(25);
    expect(await pool.apply(() => 'nothing given')).toBe('nothing given');
    const named = ({ x, wait = 0 }: { x: number; wait?: number }) => x * x + wait;
    expect(await pool.apply(named, [{ x: 3 }])).toBe(9);
    expect(await pool.apply(named, [{ x: 3, wait: 1 }])).toBe(10);
    expect(pool.applySync(square, [6])).toBe(36);
  });

  test('113 applyAsync: not ready while it runs, the value afterwards, as often as it is read', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const result = pool.applyAsync(pass<number>, [gate.shared, 49]);
    await gate.reached();
    expect(result.ready()).toBe(false);
    expect(thrown(() => result.successful())).toBeInstanceOf(StateError);
    gate.open();
    expect(await result.get()).toBe(49);
    expect(result.ready()).toBe(true);
    expect(result.successful()).toBe(true);
    expect(await result.get()).toBe(49);
    expect(await result).toBe(49);
    expect(await result.get({ timeout: 0 })).toBe(49);
  });

  test('114 get with a timeout: TimeoutError, and the pool can be terminated and joined', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const result = pool.applyAsync(pass, [gate.shared]);
    await gate.reached();
    expect(await failure(() => result.get({ timeout: 5 }))).toBeInstanceOf(TimeoutError);
    expect(await failure(() => result.get({ timeout: 0 }))).toBeInstanceOf(TimeoutError);
    expect(await failure(() => result.get({ timeout: -1 }))).toBeInstanceOf(TimeoutError);
    await result.wait({ timeout: 5 });
    expect(result.ready()).toBe(false);
    await pool.terminate();
    await pool.join();
    expect(await failure(() => result.get())).toBeInstanceOf(PoolTerminatedError);
  });

  test('114 get with a timeout does not cancel the call', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const result = pool.applyAsync(pass<string>, [gate.shared, 'late']);
    await gate.reached();
    await failure(() => result.get({ timeout: 1 }));
    gate.open();
    expect(await result.get()).toBe('late');
  });

  test('129 errorCallback receives the error and get() rejects with it', async () => {
    const pool = makePool(1);
    const callback = vi.fn();
    const errorCallback = vi.fn();
    const result = pool.applyAsync(ref('tasks.mjs', 'fail'), ['key error'], { callback, errorCallback });
    const error = await failure(() => result.get());
    expect(error).toBeInstanceOf(RangeError);
    expect(errorCallback.mock.calls).toEqual([[error]]);
    expect(callback).not.toHaveBeenCalled();
    expect(result.successful()).toBe(false);
  });

  test('140 a callback that throws becomes the rejection of its result; the pool stays usable', async () => {
    const pool = makePool(1);
    const boom = new RangeError('in the callback');
    const seen = pool.applyAsync(square, [3], {
      callback() {
        throw boom;
      },
    });
    expect(await failure(() => seen.get())).toBe(boom);
    expect(seen.successful()).toBe(false);
    const second = new RangeError('in the error callback');
    const failed = pool.applyAsync(ref('tasks.mjs', 'fail'), ['first'], {
      errorCallback() {
        throw second;
      },
    });
    expect(await failure(() => failed.get())).toBe(second);
    expect(await pool.apply(square, [4])).toBe(16);
  });

  test('140 the callback has run when get() resolves', async () => {
    const pool = makePool(1);
    const order: string[] = [];
    const result = pool.applyAsync(square, [3], { callback: (value) => void order.push(`callback ${value}`) });
    order.push(`get ${await result.get()}`);
    expect(order).toEqual(['callback 9', 'get 9']);
  });
});

describe('errors', () => {
  test('123 traceback: class, message and the line of the worker are in the stack', async () => {
    const pool = makePool(1);
    for (const name of ['fail', 'failLater']) {
      const error = await failure(() => pool.apply(ref('tasks.mjs', name), ['bad value']));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.name).toBe('RangeError');
      expect(error.message).toBe('bad value');
      expect(error.stack).toMatch(/^RangeError: bad value\n/);
      expect(error.stack).toMatch(/fixtures\/tasks\.mjs:\d+:\d+/);
      expect(error.stack).toContain(name);
    }
  });

  test('123 traceback: an error of the source, raised on this side, is the very object', async () => {
    const pool = makePool(1);
    const boom = new RangeError('source');
    function* source() {
      yield 1;
      throw boom;
    }
    expect(await failure(() => pool.map(square, source()))).toBe(boom);
  });

  test('124 an error is not wrapped: its own class and cause, no extra layer', async () => {
    const pool = makePool(1);
    const bare = await failure(() => pool.apply(ref('tasks.mjs', 'fail'), ['bare']));
    expect(bare.cause).toBeUndefined();
    const nested = await failure(() =>
      pool.apply(() => {
        throw new Error('outer', { cause: new TypeError('inner') });
      }),
    );
    expect(nested.message).toBe('outer');
    expect(nested.cause).toBeInstanceOf(TypeError);
    expect(nested.cause.message).toBe('inner');
  });

  test('130 an unsendable result rejects that call 20 times over; the same worker goes on', async () => {
    const pool = makePool(1);
    const thread = await pool.apply(threadOf);
    for (let round = 0; round < 20; round += 1) {
      const error = await failure(() => pool.apply(() => ({ list: [1, Symbol('unsendable')] })));
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.message).toContain('list[1]');
    }
    expect(await pool.apply(threadOf)).toBe(thread);
  });
});

describe('the pool as a resource', () => {
  test('122 after the block of `await using` the pool does not run', async () => {
    let outer: Pool;
    {
      await using pool = new Pool(2);
      outer = pool;
      expect(await pool.map(square, [1, 2, 3])).toEqual([1, 4, 9]);
    }
    const error = await failure(() => outer.mapAsync(square, [1]));
    expect(error).toBeInstanceOf(StateError);
    expect(error.message).toContain('Pool not running');
  });

  test('122 leaving the block terminates: a call in flight is rejected', async () => {
    const gate = new Gate();
    let call: ReturnType<typeof watch<unknown>>;
    {
      await using pool = new Pool(1);
      call = watch(pool.apply(pass, [gate.shared]));
      await gate.reached();
    }
    expect(call.error).toBeInstanceOf(PoolTerminatedError);
    expect(call.settled).toBe(1);
  });

  test('127 a finished pool takes no work, by any method', async () => {
    const pool = makePool(1);
    await pool.terminate();
    const calls: (() => unknown)[] = [
      () => pool.apply(echo, [1]),
      () => pool.applyAsync(echo, [1]),
      () => pool.applySync(echo, [1]),
      () => pool.map(echo, [1]),
      () => pool.mapAsync(echo, [1]),
      () => pool.mapSync(echo, [1]),
      () => pool.starmap(echo, [[1]]),
      () => pool.starmapAsync(echo, [[1]]),
      () => pool.starmapSync(echo, [[1]]),
      () => pool.imap(echo, [1]).next(),
      () => pool.imapUnordered(echo, [1]).next(),
      () => pool.istarmap(echo, [[1]]).next(),
      () => pool.istarmapUnordered(echo, [[1]]).next(),
      () => pool.ready(),
    ];
    for (const call of calls) {
      const error = await failure(call);
      expect(error, String(call)).toBeInstanceOf(StateError);
      expect(error.code).toBe('ERR_MANYCORE_STATE');
    }
  });
});
