import { MessageChannel, type MessagePort } from 'node:worker_threads';
import {
  activeChildren,
  Lock,
  Pipe,
  Queue,
  SerializationError,
  StateError,
  TimeoutError,
  Value,
  WorkerLostError,
} from 'manycore';
import { describe, expect, test } from 'vitest';
// @ts-expect-error: a fixture in plain JavaScript has no types
import { Common } from '../fixtures/processes.cjs';
// @ts-expect-error: a fixture in plain JavaScript has no types
import Standard, { makeHidden, Traveller, UpperCaser } from '../fixtures/processes.mjs';
import { failure, ref, runScript, thrown, until } from '../helpers.js';
import { makerOf, methods, owned } from './helpers.js';

describe.each(methods)("by '%s'", (method) => {
  const { make, start } = makerOf(method);
  const inThread = method === 'thread';

  describe('a process', () => {
    test('runs its target with its arguments, and brings back what that returns', async () => {
      const child = start({ target: (a: number, b: string) => `${a} ${b}`, args: [1, 'x'] });
      expect(await child.result).toBe('1 x');
      expect(await child.exited).toBe(0);
      expect(child.exitCode).toBe(0);
    });

    test('takes an async target, a reference, and none', async () => {
      const later = async (x: number): Promise<number> => {
        await new Promise((done) => setTimeout(done, 5));
        return x + 1;
      };
      expect(await start({ target: later, args: [1] }).result).toBe(2);
      expect(await start({ target: ref('processes.mjs', 'double'), args: [21] }).result).toBe(42);
      expect(await start().result).toBe(undefined);
    });

    test('shares handles at any depth of its arguments and its result', async () => {
      const lock = new Lock();
      const value = new Value('i', 0);
      const work = (given: { deep: [Lock, Value<'i'>] }): { queue: unknown } => {
        const [lock, value] = given.deep;
        for (let i = 0; i < 1000; i++) {
          lock.withLockSync(() => {
            value.value += 1;
          });
        }
        return { queue: value };
      };
      const children = [1, 2].map(() => start({ target: work, args: [{ deep: [lock, value] }] }));
      const results = await Promise.all(children.map((child) => child.result));
      expect(value.value).toBe(2000);
      expect(results[0]?.queue).toBe(value);
    });

    test.runIf(inThread)('takes and gives a SharedArrayBuffer, and moves a MessagePort', async () => {
      const shared = new Int32Array(new SharedArrayBuffer(8));
      const { port1, port2 } = new MessageChannel();
      const work = (shared: Int32Array, port: MessagePort): SharedArrayBuffer => {
        Atomics.add(shared, 0, 5);
        port.postMessage('hello');
        port.close();
        const mine = new SharedArrayBuffer(4);
        new Int32Array(mine)[0] = 7;
        return mine;
      };
      const heard = new Promise((resolve) => {
        port1.once('message', resolve);
      });
      const child = start({ target: work, args: [shared, port2] });
      expect(new Int32Array(await child.result)[0]).toBe(7);
      expect(await heard).toBe('hello');
      expect(shared[0]).toBe(5);
      port1.close();
    });

    test('an argument that cannot be sent is named, and nothing is started', () => {
      const child = make({ target: (x: unknown) => x, args: [{ db: new WeakMap() }] });
      const error = thrown(() => child.start());
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.path).toBe('args[0].db');
      expect(child.isAlive()).toBe(false);
      expect(activeChildren()).not.toContain(child);
    });

    test('a result that cannot be sent rejects result, and nothing else', async () => {
      const child = start({ target: () => ({ db: new WeakMap() }) });
      const error = await failure(() => child.result);
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.path).toBe('result.db');
      expect(await child.exited).toBe(0);
    });

    test('lives as long as its event loop has something to do', async () => {
      const value = new Value('i', 0);
      const work = (value: Value<'i'>): string => {
        setTimeout(() => value.add(1), 30);
        return 'returned';
      };
      const child = start({ target: work, args: [value] });
      expect(await child.result).toBe('returned');
      await child.join();
      expect(value.value).toBe(1);
      expect(child.exitCode).toBe(0);
    });

    test('joinSync blocks until it has ended, and result is there', async () => {
      const child = start({ target: () => 5 });
      child.joinSync();
      expect(child.exitCode).toBe(0);
      expect(await child.result).toBe(5);
    });

    test('joins many times, by many', async () => {
      const child = start({ target: () => new Promise((done) => setTimeout(done, 20)) });
      await Promise.all([child.join(), child.join(), child.exited]);
      await child.join();
      child.joinSync();
      expect(child.exitCode).toBe(0);
    });

    test('a join with a limit or a signal ends without the process', async () => {
      const child = start({ target: () => new Promise((done) => setTimeout(done, 1e6)) });
      await child.join({ timeout: 5 });
      child.joinSync({ timeout: 5 });
      expect(child.exitCode).toBe(null);
      expect(await failure(() => child.join({ signal: AbortSignal.abort('enough') }))).toBe('enough');
      expect(await failure(() => child.join({ signal: AbortSignal.timeout(5) }))).toHaveProperty(
        'name',
        'TimeoutError',
      );
      expect(child.isAlive()).toBe(true);
    });

    test('is terminated after its timeout, and result says so', async () => {
      const child = start({ target: () => new Promise((done) => setTimeout(done, 1e6)), timeout: 20 });
      const error = await failure(() => child.result);
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.message).toContain(child.name);
      await child.join();
      expect(child.exitCode).toBe(-15);
    });

    test('is terminated after its timeout while its parent is blocked', async () => {
      const child = start({ target: () => new Promise((done) => setTimeout(done, 1e6)), timeout: 20 });
      child.joinSync();
      expect(child.exitCode).toBe(-15);
      expect(await failure(() => child.result)).toBeInstanceOf(TimeoutError);
    });
  });

  describe('the ways to end', () => {
    test.each([
      ['terminate', -15, 'SIGTERM'],
      ['kill', -9, 'SIGKILL'],
      ['interrupt', -2, 'SIGINT'],
    ] as const)('%s ends a busy loop, with %d', async (method, code, signal) => {
      const value = new Value('i', 0);
      const spin = (value: Value<'i'>): never => {
        value.value = 1;
        for (;;);
      };
      const child = start({ target: spin, args: [value] });
      await until(() => value.value === 1);
      child[method]();
      await child.join();
      expect(child.exitCode).toBe(code);
      const error = await failure(() => child.result);
      expect(error).toBeInstanceOf(WorkerLostError);
      expect(error).toMatchObject({ exitCode: code, signal });
    });

    test('terminate right after start, joined by a blocked thread and by the event loop', async () => {
      const first = start({ target: () => new Promise((done) => setTimeout(done, 1e6)) });
      first.terminate();
      first.joinSync();
      const second = start({ target: () => new Promise((done) => setTimeout(done, 1e6)) });
      second.terminate();
      await second.join();
      expect([first.exitCode, second.exitCode]).toEqual([-15, -15]);
    });

    test('a process that has ended is not terminated any more', async () => {
      const child = start({ target: () => 1 });
      await child.join();
      child.terminate();
      child.kill();
      expect(child.exitCode).toBe(0);
    });

    test.runIf(!inThread)('a SharedArrayBuffer and a MessagePort do not reach another process', async () => {
      const { port1 } = new MessageChannel();
      for (const value of [new SharedArrayBuffer(8), port1]) {
        const error = thrown(() => make({ target: (x: unknown) => x, args: [[value]] }).start());
        expect(error).toBeInstanceOf(SerializationError);
        expect(error.path).toBe('args[0][0]');
        expect(error.message).toContain('cannot be sent to another process');
      }
      port1.close();
      const child = start({ target: () => [new SharedArrayBuffer(8)] });
      expect(await failure(() => child.result)).toHaveProperty('path', 'result[0]');
    });

    test.runIf(!inThread)('running out of memory is an abort, and only of the process', async () => {
      const grow = (): never => {
        const all: unknown[] = [];
        for (;;) all.push(new Array(100_000).fill(1));
      };
      const child = start({ target: grow, resourceLimits: { maxOldGenerationSizeMb: 20 }, stdio: 'pipe' });
      const error = await failure(() => child.result);
      expect(error).toMatchObject({ exitCode: -6, signal: 'SIGABRT' });
      expect(await child.exited).toBe(-6);
    });

    test.runIf(!inThread)('one that ignores SIGTERM is killed after its timeout, and by disposal', async () => {
      const ready = new Value('i', 0);
      const ignore = (ready: Value<'i'>): Promise<never> => {
        process.on('SIGTERM', () => {});
        ready.value = 1;
        return new Promise(() => setInterval(() => {}, 1000));
      };
      const late = start({ target: ignore, args: [ready], timeout: 1000 });
      const error = failure(() => late.result);
      late.joinSync();
      // On a busy machine the time may be up before it has a handler.
      expect(late.exitCode).toBe(ready.value === 1 ? -9 : -15);
      expect(await error).toBeInstanceOf(TimeoutError);
      ready.value = 0;
      const disposed = start({ target: ignore, args: [ready] });
      await until(() => ready.value === 1);
      await disposed[Symbol.asyncDispose]();
      expect(await disposed.exited).toBe(-9);
    });

    test.runIf(!inThread)('one that handles SIGTERM ends as it wants to', async () => {
      const ready = new Value('i', 0);
      const handle = (ready: Value<'i'>): Promise<never> => {
        process.on('SIGTERM', () => process.exit(5));
        ready.value = 1;
        return new Promise(() => setInterval(() => {}, 1000));
      };
      const child = start({ target: handle, args: [ready] });
      await until(() => ready.value === 1);
      child.terminate();
      expect(await child.exited).toBe(5);
    });

    test.runIf(!inThread)('a signal from outside is an exit code, too', async () => {
      const child = start({ target: () => new Promise(() => setInterval(() => {}, 1000)) });
      process.kill(child.pid as number, 'SIGKILL');
      expect(await failure(() => child.result)).toMatchObject({ exitCode: -9, signal: 'SIGKILL' });
      const blocked = start({ target: () => process.kill(process.pid, 'SIGSEGV') });
      const lost = failure(() => blocked.result);
      blocked.joinSync();
      expect(blocked.exitCode).toBe(-11);
      expect(await lost).toMatchObject({ exitCode: -11, signal: 'SIGSEGV' });
    });

    test.runIf(inThread)('running out of memory is code 1, also for a blocked parent', async () => {
      const grow = (): never => {
        const all: unknown[] = [];
        for (;;) all.push(new Array(100_000).fill(1));
      };
      const options = { target: grow, resourceLimits: { maxOldGenerationSizeMb: 20 } };
      const first = start(options);
      expect(await failure(() => first.result)).toHaveProperty('code', 'ERR_WORKER_OUT_OF_MEMORY');
      expect(await first.exited).toBe(1);
      const second = start(options);
      const lost = failure(() => second.result);
      second.joinSync();
      expect(second.exitCode).toBe(1);
      expect(await lost).toMatchObject({ reason: 'out of memory' });
    });

    test('an interrupted process with a handler decides for itself', async () => {
      const ready = new Value('i', 0);
      const handle = (ready: Value<'i'>): Promise<string> =>
        new Promise((resolve) => {
          const alive = setInterval(() => {}, 1000);
          process.once('SIGINT', () => {
            clearInterval(alive);
            resolve('cleaned up');
          });
          ready.value = 1;
        });
      const child = start({ target: handle, args: [ready] });
      await until(() => ready.value === 1);
      child.interrupt();
      expect(await child.result).toBe('cleaned up');
      expect(await child.exited).toBe(0);
    });

    test('a lock whose holder was terminated can be recovered', async () => {
      const lock = new Lock();
      const hold = (lock: Lock): never => {
        lock.acquireSync();
        for (;;);
      };
      const child = start({ target: hold, args: [lock] });
      await until(() => lock.locked());
      child.terminate();
      child.joinSync();
      expect(await lock.acquire({ recover: true })).toBe(true);
      expect(lock.recovered).toBe(true);
      lock.release();
    });

    test('await using terminates it', async () => {
      const child = make({ target: () => new Promise((done) => setTimeout(done, 1e6)) });
      child.start();
      await child[Symbol.asyncDispose]();
      expect(thrown(() => child.exitCode)).toBeInstanceOf(StateError);
      expect(await child.exited).toBe(-15);
    });
  });

  describe('subclasses', () => {
    test('run is the one of the class, and what the constructor made travels', async () => {
      const child = owned(new UpperCaser(Pipe(), method));
      child.start();
      expect(await child.submit('hello')).toBe('HELLO');
      await child.stop();
      await child.join();
      expect(child.exitCode).toBe(0);
    });

    test('fields travel, the constructor is not called again, private fields do not exist', async () => {
      const child = owned(new Traveller({ target: (x: number) => x + 1, args: [1], context: method }));
      child.count = 5;
      child.start();
      expect(await child.result).toEqual({
        count: 5,
        constructed: process.pid,
        secret: 'TypeError',
        name: child.name,
        same: true,
        isTraveller: true,
        target: 2,
      });
      expect(child.name).toMatch(/^Traveller-\d+$/);
      expect(await child.queue.get()).toBe('from the child');
    });

    test('a default export is found', async () => {
      expect(await owned(new Standard({ context: method })).start().result).toBe('default');
    });

    test('a class in the main script, and one in a CommonJS module', async () => {
      expect(await runScript('process.mjs', ['class'])).toMatchObject({ stdout: 'a from InMain-1\n', stderr: '' });
      expect(await owned(new Common({ context: method })).start().result).toBe('CommonJS');
    });

    test('a class that is not exported is a clear error', async () => {
      const child = owned(makeHidden({ context: method }));
      child.start();
      const error = await failure(() => child.result);
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.message).toMatch(/Class `Hidden` is not exported by file:.*processes\.mjs/);
      expect(await child.exited).toBe(1);
    });

    test('a field that cannot be sent is named', () => {
      const child = owned(new Traveller({ context: method }));
      child.socket = new WeakMap();
      const error = thrown(() => child.start());
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.path).toBe('this.socket');
    });
  });

  describe('states', () => {
    test('what needs a start, and what can be done once only', async () => {
      const child = make({ target: () => 1 });
      for (const method of ['join', 'joinSync', 'terminate', 'kill', 'interrupt'] as const) {
        expect(await failure(() => child[method]()), method).toBeInstanceOf(StateError);
      }
      expect([child.pid, child.threadId, child.ident, child.exitCode, child.isAlive()]).toEqual([
        null,
        null,
        null,
        null,
        false,
      ]);
      child.start();
      expect(thrown(() => child.start())).toBeInstanceOf(StateError);
      if (inThread) expect(child.pid).toBe(process.pid);
      else expect(child.pid).not.toBe(process.pid);
      await child.join();
      expect(thrown(() => child.start())).toBeInstanceOf(StateError);
    });

    test('a Process cannot be sent', async () => {
      const child = make();
      const error = await failure(() => new Queue().put(child));
      expect(error).toBeInstanceOf(SerializationError);
      expect(error.message).toContain('belongs to the one that made it');
    });
  });
});
