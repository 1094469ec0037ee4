import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as manycore from 'manycore';
import {
  type Context,
  currentProcess,
  getAllStartMethods,
  getContext,
  getStartMethod,
  Lock,
  Pool,
  Process,
  Queue,
  type StartMethod,
  StateError,
  setStartMethod,
  Thread,
} from 'manycore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { addon, collected, ref, runScript, startProgram, thrown } from '../helpers.js';
import { make, methods, owned, start } from '../process/helpers.js';

describe('TestStartMethod', () => {
  test('178 a context is fixed, the same for the same method, and its processes say so', async () => {
    const context = getContext('thread');
    expect(getContext('thread')).toBe(context);
    expect(context.getContext()).toBe(context);
    expect(context.getContext('spawn')).toBe(getContext('spawn'));
    expect(getContext('spawn').getStartMethod()).toBe('spawn');
    expect(thrown(() => context.setStartMethod('spawn'))).toBeInstanceOf(StateError);
    for (const method of getAllStartMethods()) {
      const child = owned(new (getContext(method).Process)({ target: ref('processes.mjs', 'startMethod') }));
      expect(child.name).toMatch(/^Process-\d+$/);
      expect(await child.start().result).toBe(method);
    }
  });

  test('178 the methods that there are, and those that there cannot be', () => {
    expect(getAllStartMethods()).toEqual(['thread', 'spawn']);
    for (const method of ['fork', 'forkserver']) {
      for (const use of [getContext, setStartMethod, (context: never) => new Process({ context })]) {
        const error = thrown(() => (use as (method: string) => unknown)(method));
        expect(error).toBeInstanceOf(RangeError);
        expect(error.message).toMatch(/'fork(server)?' is not possible: a fork copies only the thread/);
      }
    }
    expect(thrown(() => getContext('threads' as never))).toBeInstanceOf(RangeError);
    expect(thrown(() => getContext([] as never))).toBeInstanceOf(TypeError);
  });

  test('178 the start method is set once, unless by force', () => {
    expect(getStartMethod()).toBe('thread');
    onTestFinished(() => setStartMethod('thread', { force: true }));
    setStartMethod('spawn');
    expect(getStartMethod()).toBe('spawn');
    expect(getContext()).toBe(getContext('spawn'));
    expect(thrown(() => setStartMethod('thread'))).toBeInstanceOf(StateError);
    setStartMethod('thread', { force: true });
    expect(getStartMethod()).toBe('thread');
  });

  test('178 what is given on by a child reaches grandchildren, and comes back', async () => {
    // Threads within processes, processes within threads.
    for (const methods of [
      ['thread', 'thread', 'thread'],
      ['spawn', 'spawn', 'spawn'],
      ['thread', 'spawn', 'thread'],
    ]) {
      const queue = new Queue<string>();
      const [context, ...others] = methods as StartMethod[];
      await start({ target: ref('processes.mjs', 'passOn'), args: [queue, others], context }).result;
      expect([await queue.get(), await queue.get(), await queue.get()].sort()).toEqual([
        expect.stringMatching(/^Process-\d+$/),
        expect.stringMatching(/^Process-\d+:1$/),
        expect.stringMatching(/^Process-\d+:1:1$/),
      ]);
    }
  });

  test('178 a context offers everything that the package does', async () => {
    const context = getContext('thread') as Context & Record<string, unknown>;
    expect(Object.keys(manycore).filter((name) => !(name in context))).toEqual([]);
    await using pool = new context.Pool(1);
    expect(await pool.map((x: number) => x + 1, [1, 2])).toEqual([2, 3]);
    expect(await context.map((x: number) => x + 1, [1, 2])).toEqual([2, 3]);
    expect(new context.Lock()).toBeInstanceOf(Lock);
    await using other = new Pool({ processes: 1, context });
    expect(await other.apply((x: number) => x, [1])).toBe(1);
    expect(await owned(new Thread({ target: () => 1 })).start().result).toBe(1);
    expect(await start({ target: () => 1, context }).result).toBe(1);
  });
});

describe.each(methods)("pools and processes, by '%s'", (context) => {
  test('138 a pool in a process', async () => {
    expect(await start({ target: ref('processes.mjs', 'poolWithin'), context }).result).toEqual([2, 3, 4]);
  });

  test("a pool's worker is a process, too, and starts others", async () => {
    await using pool = new Pool({ processes: 1, context });
    const { facts, nested } = await pool.apply(ref('processes.mjs', 'factsOfWorker'));
    expect(facts).toMatchObject({ daemon: true, alive: true, parent: { name: 'MainProcess', pid: process.pid } });
    expect(facts.name).toMatch(/^PoolWorker-\d+$/);
    expect(nested.name).toMatch(/^Process-w\d+:1$/);
    expect(nested.parent.name).toBe(facts.name);
    expect(nested.authkey).toBe(Buffer.from(currentProcess().authkey).toString('hex'));
  });
});

describe('TestNoForkBomb', () => {
  test('179 a main script that makes a process without a guard fails with a clear error', async () => {
    const { code, stdout, stderr } = await runScript('process-unguarded.mjs');
    expect(code).toBe(1);
    expect(stderr).toContain('isMainThread');
    expect(stderr).toContain('makes a Process again');
    expect(stdout).toBe('main\nmain\n');
  });
});

describe('test_multiprocessing_main_handling', () => {
  test('180 targets in modules of every kind', async () => {
    expect(await start({ target: ref('tasks.mjs', 'square'), args: [3] }).result).toBe(9);
    expect(await start({ target: ref('tasks.cjs', 'square'), args: [3] }).result).toBe(9);
    expect(await start({ target: ref('default.cjs', 'default'), args: [3] }).result).toBe(12);
  });

  test('180 targets in the main script, in one given to node -e, and in one on standard input', async () => {
    expect(await runScript('process.mjs', ['main'])).toMatchObject({ stdout: 'from the main script\n', stderr: '' });
    const code = `
      const { Process } = await import(${JSON.stringify(import.meta.resolve('manycore'))});
      console.log(await new Process({ target: (x) => x * 2, args: [21] }).start().result);`;
    const evaluated = startProgram(process.execPath, ['--input-type=module', '-e', code], process.env);
    expect(await evaluated.finished).toMatchObject({ code: 0, stdout: '42\n' });
    const script = startProgram(process.execPath, ['--input-type=module', '-'], process.env);
    script.write(`${code}\nprocess.exit();\n`);
    script.end();
    expect(await script.finished).toMatchObject({ code: 0, stdout: '42\n' });
  });
});

test("181 Node's flags reach grandchildren", async () => {
  const flags = ['--conditions=custom', '--no-deprecation'];
  const child = start({ target: ref('processes.mjs', 'flagsOfGrandchild'), execArgv: flags });
  expect(await child.result).toEqual(flags);
});

test('182 a child process inherits no descriptor of a file that its parent has open', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'manycore-'));
  const file = openSync(join(folder, 'open'), 'w');
  onTestFinished(() => {
    closeSync(file);
    rmSync(folder, { recursive: true });
  });
  const open: string[] = await start({ target: ref('processes.mjs', 'openFiles'), context: 'spawn' }).result;
  expect(open.length).toBeGreaterThan(2);
  expect(open.filter((path) => path.startsWith(folder))).toEqual([]);
});

test('186 objects made as a module is loaded leave nothing behind', async () => {
  const before = addon.objectCount();
  const child = make({ target: ref('processes.mjs', 'locksOfModule') });
  expect(await child.start().result).toBe(true);
  await child.join();
  child.close();
  await collected(() => addon.objectCount() <= before);
});

test('188 a child inherits the log and its level', async () => {
  const { stdout, stderr } = await runScript('process.mjs', ['log']);
  expect(stdout).toBe('info\ninfo\n');
  expect(stderr).toBe(
    '[INFO/worker] child process calling run()\n[INFO/worker] level info\n' +
      '[INFO/worker] process exiting with exitCode 0\n[ERROR/MainProcess] at the end\n',
  );
});
