import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  addon,
  fixture,
  Gate,
  makePool,
  numbers,
  ref,
  runScript,
  sleep,
  square,
  startProgram,
  until,
} from '../helpers.js';

describe('B49 what a task prints', () => {
  test('B49 it is out before the result, as whole lines', async () => {
    const { code, stdout, stderr } = await runScript('console-order.mjs');
    expect(stderr).toBe('err 1\nerr 2\n');
    expect(stdout).toBe('task 1\nresult 1\ntask 2\nresult 2\nasync before\nasync after\nresult 3\n');
    expect(code).toBe(0);
  });

  test('B49 nothing is lost when the main thread exits right after', async () => {
    const { code, stdout } = await runScript('console-exit.mjs');
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBe(3001);
    expect(lines.at(-1)).toBe('exiting');
    expect(new Set(lines.slice(0, 3000)).size).toBe(3000);
    for (const line of lines.slice(0, 3000)) expect(line).toMatch(/^line \d+ x{200}$/);
    expect(code).toBe(0);
  });

  test('B49 lines of several workers are never mixed', async () => {
    const { stdout } = await runScript('console-many.mjs');
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBe(4 * 250);
    for (const line of lines) expect(line).toMatch(/^(a{1000}|b{1000}|c{1000}|d{1000})$/);
  });

  test('B49 lines larger than a pipe holds are whole, whatever way they are written', async () => {
    const { code, stdout } = await runScript('console-large.mjs');
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => `${line[0]}${line.length}`).sort()).toEqual([
      'a1000000',
      'b1000000',
      'c1000000',
      'd1000000',
    ]);
    for (const line of lines) expect(new Set(line).size).toBe(1);
    expect(code).toBe(0);
  });

  test('B49 all methods of the streams work', async () => {
    const { code, stdout, stderr } = await runScript('console-stream.mjs');
    expect(stdout).toBe('whole line\nits callback\nbytes: ü\nlatin\nthe end\nresult\n');
    expect(stderr).toBe('stderr\n');
    expect(code).toBe(0);
  });

  test('B49 what a preloaded module prints is not lost', async () => {
    const { code, stdout, stderr } = await runScript('console-preload.mjs');
    expect(stdout.split('\n').sort()).toEqual(['', 'preloaded', 'task']);
    expect(stderr).toBe('to stderr\n');
    expect(code).toBe(0);
  });

  test('B49 it is printed while the main thread is blocked in a Sync call', async () => {
    const { stdout } = await runScript('console-sync.mjs');
    expect(stdout).toBe('before\nin the task\nafter 1\n');
  });
});

describe('B52 the event loop of a worker', () => {
  test('B52 timers run while the worker is idle', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const start = (shared: Int32Array): void => {
      setInterval(() => Atomics.add(shared, 3, 1), 1);
    };
    await pool.apply(start, [gate.shared]);
    await until(() => gate.note >= 10);
  });

  test('B52 timers and sockets go on between back-to-back tasks', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const start = (shared: Int32Array): void => {
      setInterval(() => Atomics.add(shared, 3, 1), 1);
    };
    await pool.apply(start, [gate.shared]);
    let stop = false;
    const busy = async (): Promise<void> => {
      while (!stop) await pool.map((x: number) => x + 1, numbers(1000));
    };
    const load = Promise.all([busy(), busy(), busy()]);
    const before = gate.note;
    await until(() => gate.note >= before + 5);
    stop = true;
    await load;
  });

  test('B52 asynchronous work that a task leaves behind goes on', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const leave = (shared: Int32Array): void => {
      const { deflate } = process.getBuiltinModule('node:zlib');
      const { readFile } = process.getBuiltinModule('node:fs');
      deflate('x'.repeat(1000), () => Atomics.add(shared, 3, 1));
      readFile(process.execPath, { encoding: null, flag: 'r' }, () => Atomics.add(shared, 3, 1));
    };
    await pool.apply(leave, [gate.shared]);
    await until(() => gate.note === 2);
  });

  test('B52 a timer that hogs the loop of one worker does not stop the others', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const hog = (slots: Int32Array): void => {
      setTimeout(() => {
        Atomics.add(slots, 0, 1);
        while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }, 1);
    };
    await pool.ready();
    await pool.apply(hog, [gate.shared]);
    await gate.reached();
    for (let round = 0; round < 20; round += 1) {
      expect(await pool.map(square, numbers(10))).toEqual(numbers(10).map(square));
      expect(await pool.apply(square, [round])).toBe(round * round);
    }
    gate.open();
  });
});

describe('B53 where the addon is loaded', () => {
  test('B53 first in a worker, which exits; the main thread loads it later', async () => {
    const { code, stdout, stderr } = await runScript('addon-in-worker-first.mjs');
    expect(stderr).toBe('');
    expect(stdout).toBe('worker 9\nworker 9\nmain 9\n');
    expect(code).toBe(0);
  });

  test('B53 in many workers, all terminated in the middle of calls', async () => {
    const { code, stdout, stderr } = await runScript('addon-terminated-midcall.mjs');
    expect(stderr).toBe('');
    expect(stdout).toBe('terminated 20\nmain 9\n');
    expect(code).toBe(0);
  });
});

describe('flags of Node', () => {
  test.each(['--frozen-intrinsics', '--jitless'])('functions are sent with %s', async (flag) => {
    const { code, stdout } = await runScript('flags.mjs', [], { ...process.env, NODE_OPTIONS: flag });
    expect(stdout).toBe('1,4,9\n49\n');
    expect(code).toBe(0);
  });

  test('without addons, the error names the flag', async () => {
    const { code, stderr } = await runScript('flags.mjs', [], { ...process.env, NODE_OPTIONS: '--no-addons' });
    expect(stderr).toContain('start Node without `--no-addons`');
    expect(stderr).toContain('ERR_DLOPEN_DISABLED');
    expect(code).toBe(1);
  });
});

test('B53 an isolate is attached once: a second attachment is refused, and takes nothing from the first', async () => {
  const pool = makePool(1);
  expect(await pool.apply(square, [2])).toBe(4);
  expect(() => addon.attach(() => {})).toThrow('this isolate is attached already');
  expect(await pool.apply(square, [3])).toBe(9);
});

test('a limit on the size of files is named by the error of memory that it forbids', async () => {
  const script = fileURLToPath(fixture('scripts/flags.mjs'));
  const limited = ['-c', 'ulimit -f 1000; exec "$0" "$@"', process.execPath, script];
  const { code, stderr } = await startProgram('bash', limited, { ...process.env, NODE_OPTIONS: '' }).finished;
  expect(stderr).toContain('the limit on the size of files (`ulimit -f`) holds for shared memory, too');
  expect(code).toBe(1);
});

describe('B54 other runners', () => {
  test.each([
    ['threads', 'vitest-threads', 4],
    ['vmThreads', 'vitest-contexts', 2],
    ['vmForks', 'vitest-contexts', 2],
  ])('B54 vitest with pool %s', async (pool, folder, passed) => {
    const root = fileURLToPath(fixture(folder));
    const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
    const child = spawn(process.execPath, [vitest, 'run', '--root', root, '--pool', pool, '--reporter=json'], {
      env: { ...process.env, NODE_OPTIONS: '', VITEST: '', VITEST_WORKER_ID: '', VITEST_POOL_ID: '' },
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.resume();
    const code = await new Promise((done) => child.on('close', done));
    const report = JSON.parse(stdout.slice(stdout.indexOf('{')));
    expect(report).toMatchObject({ numPassedTests: passed, numFailedTests: 0, success: true });
    expect(code).toBe(0);
  });

  test('B54 two contexts of one isolate with a pool each', async () => {
    const flags = '--no-warnings --experimental-vm-modules';
    const { code, stdout, stderr } = await runScript('two-contexts.mjs', [], { NODE_OPTIONS: flags });
    expect(stderr).toBe('');
    expect(stdout).toBe('true 2 4\n6 8 10 12\n14 1 2 3\n2 true\n16\n');
    expect(code).toBe(0);
  });
});

test('a pool made in a child of vitest leaves its process clean', async () => {
  const before = process.listenerCount('exit');
  for (let round = 0; round < 12; round += 1) {
    const pool = makePool(1);
    await pool.apply(ref('tasks.mjs', 'square'), [round]);
    await pool.terminate();
  }
  await sleep(1);
  expect(process.listenerCount('exit')).toBeLessThanOrEqual(before + 1);
  expect(process.listenerCount('SIGINT')).toBe(0);
});
