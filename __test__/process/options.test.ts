import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SHARE_ENV } from 'node:worker_threads';
import { Process, type ProcessOptions, StateError, Thread } from 'manycore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failure, ref, thrown } from '../helpers.js';
import { make, makerOf, methods, start } from './helpers.js';

describe('options are checked, by name', () => {
  test.each<[keyof ProcessOptions, unknown, unknown]>([
    ['target', 'f', TypeError],
    ['args', 'ab', TypeError],
    ['name', 7, TypeError],
    ['daemon', 1, TypeError],
    ['context', 'threads', RangeError],
    ['context', {}, TypeError],
    ['timeout', '1', TypeError],
    ['timeout', Number.NaN, RangeError],
    ['resourceLimits', { maxOldGenerationSizeMb: 0 }, RangeError],
    ['env', 'A=1', TypeError],
    ['execArgv', '--x', TypeError],
    ['stdio', 'ignore', RangeError],
    ['stdio', { file: 'log' }, TypeError],
  ])('%s: %j', (name, value, Kind) => {
    const error = thrown(() => new Process({ [name]: value } as ProcessOptions));
    expect(error).toBeInstanceOf(Kind);
    expect(error.message).toContain(name);
  });

  test('an unknown one names the nearest', () => {
    const misspelt = { arg: [1] } as ProcessOptions;
    expect(thrown(() => new Process(misspelt)).message).toBe('Unknown option `arg`; did you mean `args`?');
    expect(thrown(() => new Process(5 as never)).message).toContain('Expected `options` to be an object');
    expect(thrown(() => new Thread({ context: 'thread' } as never)).message).toContain('Unknown option `context`');
  });

  test('what the runtime refuses is thrown by start, and the process can be started no less', async () => {
    const child = make({ target: () => 1, execArgv: ['--no-such-flag'] });
    expect(thrown(() => child.start())).toHaveProperty('code', 'ERR_WORKER_INVALID_EXEC_ARGV');
    expect(child.isAlive()).toBe(false);
    expect(thrown(() => child.start())).toHaveProperty('code', 'ERR_WORKER_INVALID_EXEC_ARGV');
  });
});

describe('what a process gets', () => {
  test('a name, which can be set, and numbers of its own', async () => {
    const child = make({ target: ref('processes.mjs', 'facts') });
    expect(child.name).toMatch(/^Process-\d+$/);
    child.name = 'renamed';
    expect(await child.start().result).toMatchObject({ name: 'renamed' });
    expect(new Thread().name).toMatch(/^Thread-\d+$/);
    expect(thrown(() => Object.assign(child, { name: 7 }))).toBeInstanceOf(TypeError);
    expect(thrown(() => Object.assign(child, { daemon: true }))).toBeInstanceOf(StateError);
  });

  test('an authkey, inherited or its own', async () => {
    const child = make({ target: ref('processes.mjs', 'facts') });
    child.authkey = Buffer.from('secret');
    expect(await child.start().result).toMatchObject({ authkey: Buffer.from('secret').toString('hex') });
  });

  test('an environment', async () => {
    const read = (): string | undefined => process.env.MANYCORE_TEST;
    expect(await start({ target: read, env: { MANYCORE_TEST: 'mine' } }).result).toBe('mine');
    process.env.MANYCORE_TEST = 'shared';
    onTestFinished(() => {
      Reflect.deleteProperty(process.env, 'MANYCORE_TEST');
    });
    expect(await start({ target: read }).result).toBe('shared');
    expect(await start({ target: read, env: SHARE_ENV }).result).toBe('shared');
    expect(await start({ target: read, env: {} }).result).toBe(undefined);
  });

  test('flags and arguments of Node', async () => {
    const read = (): string[][] => [process.execArgv, process.argv.slice(2)];
    expect(await start({ target: read, execArgv: ['--no-warnings'] }).result).toEqual([
      ['--no-warnings'],
      process.argv.slice(2),
    ]);
  });

  test('limits of memory', async () => {
    const limits = { maxOldGenerationSizeMb: 64 };
    expect(await start({ target: ref('processes.mjs', 'limits'), resourceLimits: limits }).result).toMatchObject(
      limits,
    );
  });
});

describe.each(methods)("what a process prints, by '%s'", (method) => {
  const { make, start } = makerOf(method);
  const print = (): void => {
    console.log('out');
    console.error('err');
  };

  test("goes to streams, with 'pipe'", async () => {
    const child = start({ target: print, stdio: 'pipe' });
    const [out, err] = [child.stdout, child.stderr].map((stream) => text(stream as NodeJS.ReadableStream));
    expect([await out, await err]).toEqual(['out\n', 'err\n']);
    expect(start({ target: () => 1 }).stdout).toBe(null);
  });

  test("a traceback goes there, too, and the process's text", async () => {
    const child = start({
      target: () => {
        throw new Error('piped');
      },
      stdio: 'pipe',
      name: 'piper',
    });
    const err = text(child.stderr as NodeJS.ReadableStream);
    await child.join();
    expect(await err).toMatch(/^Process piper:\n[\s\S]*Error: piped/);
  });

  test('goes to a file of its own, which is appended to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'manycore-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stdio: ProcessOptions['stdio'] = { file: ({ name, pid }) => join(folder, `${name}-${pid}.log`) };
    const first = start({ target: print, stdio, name: 'logger' });
    await first.join();
    expect(readFileSync(join(folder, `logger-${first.pid}.log`), 'utf8')).toBe('out\nerr\n');
    const fails = start({
      target: () => {
        process.stdout.write('no end of line');
        throw new Error('to the file');
      },
      stdio: { file: () => join(folder, `logger-${first.pid}.log`) },
      name: 'logger',
    });
    await fails.join();
    const file = join(folder, `logger-${first.pid}.log`);
    expect(readFileSync(file, 'utf8')).toMatch(/^out\nerr\nno end of lineProcess logger:\n[\s\S]*Error: to the file/);
  });

  test('a path that cannot be had ends the start, or the process', async () => {
    const wrong = make({ target: print, stdio: { file: () => 7 as never } });
    expect(thrown(() => wrong.start())).toBeInstanceOf(TypeError);
    const missing = start({ target: print, stdio: { file: () => '/no/such/folder/log' } });
    expect(await failure(() => missing.result)).toHaveProperty('code', 'ENOENT');
    expect(await missing.exited).toBe(1);
  });
});
