import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  collect,
  failure,
  Gate,
  makePool,
  numbers,
  pass,
  ref,
  runScript,
  sleep,
  square,
  until,
  watch,
} from '../helpers.js';

describe('AsyncResult', () => {
  test('it is a promise to those who treat it as one', async () => {
    const pool = makePool(1);
    const finished = vi.fn();
    expect(await pool.applyAsync(square, [3])).toBe(9);
    expect(await pool.applyAsync(square, [3]).then((value) => value + 1)).toBe(10);
    expect(await pool.applyAsync(square, [3]).finally(finished)).toBe(9);
    expect(finished).toHaveBeenCalledTimes(1);
    expect(await pool.applyAsync(ref('tasks.mjs', 'fail'), ['no']).catch((error) => (error as Error).message)).toBe(
      'no',
    );
    expect(await Promise.all([pool.applyAsync(square, [4]), pool.mapAsync(square, [5])])).toEqual([16, [25]]);
    expect(await Promise.race([pool.applyAsync(square, [4])])).toBe(16);
  });

  test('wait never rejects for the result, and ends with it', async () => {
    const pool = makePool(1);
    const failed = pool.applyAsync(ref('tasks.mjs', 'fail'), ['no']);
    expect(await failed.wait()).toBe(undefined);
    expect(failed.ready()).toBe(true);
    expect(failed.successful()).toBe(false);
    await failure(() => failed.get());
    const gate = new Gate();
    const running = pool.applyAsync(pass, [gate.shared]);
    await gate.reached();
    const waiting = watch(running.wait());
    await running.wait({ timeout: 2 });
    expect(waiting.settled).toBe(0);
    gate.open();
    await until(() => waiting.settled === 1);
    expect(running.ready()).toBe(true);
  });

  test('get gives the same error every time', async () => {
    const pool = makePool(1);
    const failed = pool.applyAsync(ref('tasks.mjs', 'fail'), ['no']);
    const first = await failure(() => failed.get());
    expect(await failure(() => failed.get())).toBe(first);
    expect(await failure(() => failed)).toBe(first);
  });

  test('starmapAsync and mapAsync: callbacks get the whole list', async () => {
    const pool = makePool(2);
    const seen: unknown[] = [];
    const callback = (values: unknown) => void seen.push(values);
    await pool.mapAsync(square, [1, 2], { callback }).get();
    await pool.starmapAsync((a: number, b: number) => a * b, [[3, 4]], { callback }).get();
    expect(seen).toEqual([[1, 4], [12]]);
  });

  test('callbacks may make calls of their own', async () => {
    const pool = makePool(1);
    const value = await new Promise<number>((done, reject) => {
      pool.applyAsync(square, [2], {
        callback: (four) => void pool.applyAsync(square, [four], { callback: done, errorCallback: reject }),
      });
    });
    expect(value).toBe(16);
  });

  test('a callback that throws in one result of many: the others are delivered', async () => {
    const pool = makePool(2);
    const calls = numbers(100).map((x) =>
      pool.applyAsync(square, [x], {
        callback() {
          if (x === 50) throw new Error('in the middle');
        },
      }),
    );
    const settled = await Promise.allSettled(calls.map((call) => call.get()));
    expect(settled.filter((it) => it.status === 'rejected').length).toBe(1);
    expect((settled[50] as PromiseRejectedResult).reason.message).toBe('in the middle');
  });

  test('a callback that returns a promise is waited for, and its rejection is that of the result', async () => {
    const pool = makePool(1);
    let open: (() => void) | undefined;
    const held = new Promise<void>((done) => {
      open = done;
    });
    const result = pool.applyAsync(square, [3], { callback: () => held });
    const waiting = watch(result.get());
    await pool.apply(square, [1]);
    expect([waiting.settled, result.ready()]).toEqual([0, false]);
    open?.();
    expect(await result.get()).toBe(9);

    const inCallback = new Error('in the callback');
    const later = async () => {
      await sleep(1);
      throw inCallback;
    };
    expect(await failure(() => pool.applyAsync(square, [3], { callback: later }).get())).toBe(inCallback);
    expect(await failure(() => pool.mapAsync(square, [3], { callback: later }).get())).toBe(inCallback);
    const fail = ref('tasks.mjs', 'fail');
    expect(await failure(() => pool.applyAsync(fail, ['no'], { errorCallback: later }).get())).toBe(inCallback);
    const heard = async () => {};
    expect((await failure(() => pool.applyAsync(fail, ['no'], { errorCallback: heard }).get())).message).toBe('no');
  });

  test('a result whose callback is waited for can be cancelled', async () => {
    const pool = makePool(1);
    let called = false;
    const callback = () => {
      called = true;
      return new Promise<void>(() => {});
    };
    const result = pool.applyAsync(square, [3], { callback });
    await until(() => called);
    expect(result.cancel()).toBe(true);
    expect((await failure(() => result.get())).name).toBe('CancelledError');
  });

  test('callbacks that are no functions are refused at the call', () => {
    const pool = makePool(1);
    for (const name of ['callback', 'errorCallback']) {
      expect(() => pool.applyAsync(square, [1], { [name]: 5 })).toThrow(TypeError);
      expect(() => pool.mapAsync(square, [1], { [name]: 5 })).toThrow(name);
    }
  });

  test('a failure that an errorCallback got is not printed; what that callback threw is', async () => {
    const pool = makePool(1);
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    const seen: unknown[] = [];
    const errorCallback = (error: Error) => void seen.push(error);
    const fail = () => {
      throw new RangeError('failed');
    };
    await pool.applyAsync(fail, [], { errorCallback }).wait();
    pool.applyAsync(fail, [Symbol('unsendable')] as never, { errorCallback });
    pool.mapAsync(fail, [1], { errorCallback, signal: AbortSignal.abort('at once') });
    await sleep(5);
    expect(seen).toMatchObject([{ message: 'failed' }, { name: 'SerializationError' }, 'at once']);
    expect(printed).not.toHaveBeenCalled();
    const thrower = () => {
      throw new Error('from the callback');
    };
    await pool.applyAsync(fail, [], { errorCallback: thrower }).wait();
    await sleep(5);
    expect(printed.mock.calls).toMatchObject([[expect.any(String), { message: 'from the callback' }]]);
  });

  test('a failure that nobody reads is printed once, and is not fatal', async () => {
    const { code, stdout, stderr } = await runScript('unread-result.mjs');
    expect(code).toBe(0);
    expect(stdout).toBe('still here\n');
    expect(stderr.split('never read').length).toBe(2);
    expect(stderr).not.toContain('read by get');
    expect(stderr).not.toContain('read by errorCallback');
  });
});

describe('B51 AsyncLocalStorage', () => {
  const storage = new AsyncLocalStorage<string>();

  test('B51 the continuation of a call sees the store of its caller', async () => {
    const pool = makePool(2);
    const ask = (name: string) =>
      storage.run(name, async () => {
        await pool.apply(square, [2]);
        const first = storage.getStore();
        await pool.map(square, numbers(20));
        for await (const _ of pool.imap(square, [1, 2])) if (storage.getStore() !== name) return 'lost in imap';
        await pool.applyAsync(square, [2]).get();
        return first === storage.getStore() ? first : 'lost';
      });
    expect(await Promise.all(['a', 'b', 'c'].map(ask))).toEqual(['a', 'b', 'c']);
  });

  test('B51 callbacks see the store of the call that they belong to', async () => {
    const pool = makePool(2);
    const seen: (string | undefined)[] = [];
    const note = () => void seen.push(storage.getStore());
    const call = (name: string, fn: (x: number) => unknown) =>
      storage.run(name, () => pool.applyAsync(fn, [1], { callback: note, errorCallback: note }).wait());
    await Promise.all([call('one', square), call('two', ref('tasks.mjs', 'fail')), call('three', square)]);
    expect(seen.sort()).toEqual(['one', 'three', 'two']);
    const others: Record<string, unknown> = {};
    await storage.run('map', () =>
      pool.map(ref('context.mjs', 'reportAll'), [1], {
        onReport() {
          others.report = storage.getStore();
        },
        progress() {
          others.progress = storage.getStore();
        },
      }),
    );
    expect(others).toEqual({ report: 'map', progress: 'map' });
  });

  test("B51 a task's own storage works in the worker", async () => {
    const pool = makePool(1);
    expect(await pool.apply(ref('context.mjs', 'ownStorage'), ['kept'])).toBe('kept');
  });

  test('B51 a source is pulled in the store of the call', async () => {
    const pool = makePool(2);
    const seen = new Set<string | undefined>();
    function* source(): Generator<number> {
      for (let n = 0; n < 200; n += 1) {
        seen.add(storage.getStore());
        yield n;
      }
    }
    const results = storage.run('source', () => pool.imap(square, source(), { bufferSize: 4 }));
    await sleep(1);
    await storage.run('reader', () => collect(results));
    expect([...seen]).toEqual(['source']);
  });
});
