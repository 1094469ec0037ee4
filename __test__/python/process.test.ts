import { readdirSync } from 'node:fs';
import {
  activeChildren,
  cpuCount,
  currentProcess,
  Lock,
  Pipe,
  Process,
  parentProcess,
  Queue,
  StateError,
  Value,
  wait,
} from 'manycore';
import { describe, expect, test } from 'vitest';
// @ts-expect-error: a fixture in plain JavaScript has no types
import { UpperCaser } from '../fixtures/processes.mjs';
import { collected, fixture, ref, runScript, startScript, thrown, until } from '../helpers.js';
import { makerOf, methods, owned } from '../process/helpers.js';

const facts = ref('processes.mjs', 'facts');
const forever = (): Promise<never> => new Promise(() => setInterval(() => {}, 1000));

describe.each(methods)("by '%s'", (method) => {
  const { make, start } = makerOf(method);
  const inThread = method === 'thread';

  describe('TestProcess', () => {
    test('1 the main process knows itself', () => {
      const main = currentProcess();
      expect(main.isAlive()).toBe(true);
      expect(main.daemon).toBe(false);
      expect(main.authkey).toBeInstanceOf(Uint8Array);
      expect(main.authkey.length).toBeGreaterThan(0);
      expect(main).toMatchObject({
        name: 'MainProcess',
        pid: process.pid,
        ident: process.pid,
        threadId: 0,
        exitCode: null,
      });
      expect(currentProcess()).toBe(main);
    });

    test('3 arguments arrive equal, whatever list they were in', async () => {
      const payload = [1, 'x', ['list', 2], { tuple: [3] }] as const;
      const own: unknown[] = [...payload];
      const child = make({ target: (...args: unknown[]) => args, args: own });
      own.push('not seen');
      expect(await child.start().result).toEqual(payload);
    });

    test('4 daemon is that of the creator, or what was said', async () => {
      expect(make().daemon).toBe(currentProcess().daemon);
      expect(make({ daemon: true }).daemon).toBe(true);
      expect(make({ daemon: false }).daemon).toBe(false);
      expect(await start({ target: ref('processes.mjs', 'daemons'), daemon: true }).result).toEqual([true, false]);
    });

    test('5 a child knows its parent', async () => {
      expect(parentProcess()).toBe(null);
      const { parent } = await start({ target: facts }).result;
      expect(parent).toEqual({ name: 'MainProcess', pid: process.pid, threadId: 0, alive: true });
    });

    test('6 a grandchild ends with the child whose thread it is', async () => {
      const lock = new Lock();
      const child = start({ target: ref('processes.mjs', 'holdInGrandchild'), args: [lock] });
      await until(() => lock.locked());
      child.terminate();
      await child.join();
      // The holder is gone, and with it its lock.
      expect(await lock.acquire({ recover: true })).toBe(true);
      expect(lock.recovered).toBe(true);
    });

    test('7 a process from its making to its end', async () => {
      const gate = new Value('i', 0);
      const child = make({
        target: ref('processes.mjs', 'factsBehind'),
        args: [gate],
        name: 'SomeProcess',
        daemon: true,
      });
      expect([child.isAlive(), child.exitCode, child.daemon, child.name]).toEqual([false, null, true, 'SomeProcess']);
      expect(activeChildren()).not.toContain(child);
      child.start();
      expect([child.isAlive(), child.exitCode]).toEqual([true, null]);
      expect(activeChildren()).toContain(child);
      gate.value = 1;
      expect(await child.result).toMatchObject({
        name: 'SomeProcess',
        daemon: true,
        pid: child.pid,
        threadId: child.threadId,
        ident: child.ident,
        authkey: Buffer.from(currentProcess().authkey).toString('hex'),
        alive: true,
        exitCode: null,
      });
      await child.join();
      expect([child.isAlive(), child.exitCode]).toEqual([false, 0]);
      expect(activeChildren()).not.toContain(child);
    });

    test('8 it has a thread of its own', async () => {
      const child = start({ target: facts });
      const { ident, pid, threadId } = await child.result;
      expect({ ident, pid, threadId }).toEqual({ ident: child.ident, pid: child.pid, threadId: child.threadId });
      expect(ident).not.toBe(currentProcess().ident);
      expect(threadId > 0).toBe(inThread);
      expect(pid === process.pid).toBe(inThread);
    });

    test('9 terminate; joins that do not wait return at once', async () => {
      const child = start({ target: forever });
      await child.join({ timeout: 0 });
      await child.join({ timeout: -1 });
      expect(child.isAlive()).toBe(true);
      child.terminate();
      await child.join();
      expect([child.isAlive(), child.exitCode]).toEqual([false, -15]);
    });

    test('10 kill', async () => {
      const child = start({ target: forever });
      child.kill();
      await child.join();
      expect([child.isAlive(), child.exitCode]).toEqual([false, -9]);
    });

    test('11 interrupt: 1 when the handler throws, −2 without one', async () => {
      const ready = new Value('i', 0);
      const handled = start({ target: ref('processes.mjs', 'throwsWhenInterrupted'), args: [ready] });
      const failed = handled.result.catch((error: Error) => error.message);
      await until(() => ready.value === 1);
      handled.interrupt();
      expect(await failed).toBe('KeyboardInterrupt');
      expect(await handled.exited).toBe(1);
      const plain = start({ target: forever });
      plain.interrupt();
      expect(await plain.exited).toBe(-2);
    });

    test('12 cpuCount is an integer from 1 up', () => {
      expect(Number.isInteger(cpuCount())).toBe(true);
      expect(cpuCount()).toBeGreaterThanOrEqual(1);
    });

    test('13 activeChildren lists a child between its start and its end', async () => {
      const gate = new Value('i', 0);
      const child = make({ target: ref('processes.mjs', 'factsBehind'), args: [gate] });
      expect(activeChildren()).not.toContain(child);
      child.start();
      expect(activeChildren()).toContain(child);
      gate.value = 1;
      child.joinSync();
      expect(activeChildren()).not.toContain(child);
    });

    test('14 processes start processes, two deep, joined one after the other', async () => {
      const queue = new Queue<number[]>();
      await start({ target: ref('processes.mjs', 'recurse'), args: [queue, []] }).result;
      const seen: number[][] = [];
      while (!queue.empty()) seen.push(await queue.get());
      expect(seen).toEqual([[], [0], [0, 0], [0, 1], [1], [1, 0], [1, 1]]);
    });

    test('15 the sentinel is ready when the process has ended, and not before', async () => {
      const gate = new Value('i', 0);
      const child = make({ target: ref('processes.mjs', 'factsBehind'), args: [gate] });
      expect(thrown(() => child.sentinel)).toBeInstanceOf(StateError);
      child.start();
      expect(await wait([child.sentinel], { timeout: 5 })).toEqual([]);
      expect(await wait([child], { timeout: 5 })).toEqual([]);
      gate.value = 1;
      expect(await wait([child])).toEqual([child]);
      expect(await wait([child.sentinel], { timeout: 0 })).toEqual([child.sentinel]);
    });

    test('16 close', async () => {
      const gate = new Value('i', 0);
      const child = make({ target: ref('processes.mjs', 'factsBehind'), args: [gate] }).start();
      expect(thrown(() => child.close())).toBeInstanceOf(StateError);
      gate.value = 1;
      await child.join();
      expect(child.exitCode).toBe(0);
      child.close();
      for (const use of [
        () => child.isAlive(),
        () => child.joinSync(),
        () => child.terminate(),
        () => child.exitCode,
      ]) {
        const error = thrown(use);
        expect(error).toBeInstanceOf(StateError);
        expect(error.message).toContain('closed');
      }
      child.close();
    });

    test('16 a process that has ended is garbage when nobody holds it', async () => {
      const gone = await (async () => {
        const child = new Process({ target: () => 1, context: method }).start();
        await child.join();
        return new WeakRef(child);
      })();
      await collected(() => gone.deref() === undefined);
    });

    test('17 many processes, short ones and ones that are ended at once', async () => {
      const short = Array.from({ length: 30 }, () => start({ target: () => 1 }));
      await Promise.all(short.map((child) => child.join()));
      expect(short.map((child) => child.exitCode)).toEqual(short.map(() => 0));
      const long = Array.from({ length: 10 }, () => start({ target: forever }));
      for (const child of long) child.terminate();
      for (const child of long) child.joinSync();
      expect(long.map((child) => child.exitCode)).toEqual(long.map(() => -15));
    });

    test('18 neither target nor arguments are held once it was started', async () => {
      const begin = (): [WeakRef<object>, WeakRef<object>, Process] => {
        const big = { bytes: new Uint8Array(1000) };
        const target = new Function('x', 'return x.bytes.length') as (x: object) => number;
        return [new WeakRef(big), new WeakRef(target), start({ target, args: [big] })];
      };
      const [big, target, child] = begin();
      expect(await child.result).toBe(1000);
      await collected(() => big.deref() === undefined && target.deref() === undefined);
    });

    test('19 no descriptor is left behind, and none is lost', async () => {
      const open = (): number => readdirSync('/proc/self/fd').length;
      await start().join();
      const before = open();
      const children = Array.from({ length: 5 }, () => start());
      await Promise.all(children.map((child) => child.join()));
      await until(() => open() <= before);
      expect(open()).toBeLessThanOrEqual(before);
    });

    test('20 a child ends when its own children and its event loop have nothing left to do', async () => {
      const count = new Value('i', 0);
      const child = start({ target: ref('processes.mjs', 'leavesWork'), args: [count] });
      await child.join();
      expect([child.exitCode, count.value]).toEqual([0, 2]);
    });

    test('21 a standard output that nobody reads does not change how a child ends', async () => {
      const program = startScript('process-broken-stdout.mjs', [method]);
      expect(await program.finished).toMatchObject({ code: 0, stderr: '0\n' });
    });

    test('23 arguments are not shared between processes', async () => {
      const first = make({ target: (...args: unknown[]) => args.push(1) });
      const second = make({ target: (...args: unknown[]) => args.push(1) });
      expect([await first.start().result, await second.start().result]).toEqual([1, 1]);
    });
  });

  describe('TestSubclassingProcess', () => {
    test('24 a subclass with a pipe of its own', async () => {
      const child = owned(new UpperCaser(Pipe(), method));
      child.daemon = true;
      child.start();
      expect(await child.submit('hello')).toBe('HELLO');
      expect(await child.submit('world')).toBe('WORLD');
      await child.stop();
      await child.join();
      expect(child.exitCode).toBe(0);
    });

    test('25 the whole trace of an error, with its line, is on stderr when the process has ended', async () => {
      const { stderr } = await runScript('process.mjs', ['throws', method]);
      expect(stderr).toContain('nobody reads this');
      expect(stderr).toContain('// MARKER');
    });

    test('26 process.exit takes what sys.exit takes', async () => {
      const { stdout, stderr } = await runScript('process.mjs', ['exit-codes', method]);
      expect(stdout).toBe('1 0 8 0 0 1 1 9\n');
      expect(stderr).toBe("ignore this\n[ 'ignore', 'this', 'too' ]\n");
    });
  });

  test('27 exit hooks run, whichever way a process ends by itself', async () => {
    const { stdout } = await runScript('process.mjs', ['hooks', method]);
    expect(stdout).toBe('returns 0\nexits 6\nthrows 1\n5 6 1\n');
  });

  test('28 a child resolves modules as its parent does', async () => {
    const child = start({ target: ref('processes.mjs', 'resolves'), execArgv: ['--conditions=custom'] });
    expect(await child.result).toEqual({
      cwd: process.cwd(),
      manycore: import.meta.resolve('manycore'),
      flags: ['--conditions=custom'],
    });
    const loader = fixture('loader.mjs').href;
    const loaded = start({ target: ref('processes.mjs', 'usesLoader'), execArgv: ['--import', loader] });
    expect(await loaded.result).toBe('from the loader');
  });
});
