import { fileURLToPath } from 'node:url';
import { Process } from 'manycore';
import { describe, expect, test } from 'vitest';
import { startError } from '../../ts/process/start-error.js';
import { addon, fixture, startProgram } from '../helpers.js';

const target = (): number => 7;

test('a child that cannot be started costs nothing: the next ones start', async () => {
  const blocks = addon.blocksInUse();
  for (let i = 0; i < 300; i++) {
    const process = new Process({ target, context: 'spawn', env: { A: 'a\0b' } });
    expect(() => process.start()).toThrow();
  }
  const next = new Process({ target, context: 'spawn' }).start();
  expect(await next.result).toBe(7);
  await next.join();
  expect(addon.blocksInUse() - blocks).toBeLessThan(1 << 20);
});

test('the result of a process that is closed before it was started is an error', async () => {
  const process = new Process({ target });
  const result = process.result.catch((error: unknown) => error);
  process.close();
  expect(await result).toMatchObject({ code: 'ERR_MANYCORE_STATE' });
});

describe('where the system starts no process', () => {
  /** The lines of a script that may have few files open, without those of errors that nobody heard of: there are none. */
  async function linesOf(program: string): Promise<string[]> {
    const script = fileURLToPath(fixture('scripts/starved.mjs'));
    const limited = ['-c', 'ulimit -n 80; exec "$0" "$@"', process.execPath, script, program];
    const { code, stdout, stderr } = await startProgram('/bin/sh', limited, process.env).finished;
    expect([code, stderr]).toEqual([0, '']);
    return stdout.trimEnd().split('\n');
  }
  const node = process.execPath;

  test('start() or result tells why, and the process can be started later', async () => {
    expect(await linesOf('process')).toEqual([
      expect.stringMatching(/^ERR_MANYCORE_PROCESS Process P could not be started: .*Too many open files.* <- EMFILE$/),
      `ERR_MANYCORE_PROCESS Process P could not be started: spawn ${node} EMFILE <- EMFILE`,
      'ERR_MANYCORE_PROCESS Process P could not be started <- undefined',
      '1 1 null',
      '7',
    ]);
  });

  test('a call of a pool tells why, and so does the next', async () => {
    const why = `ERR_MANYCORE_BROKEN_POOL Workers could not be started: spawn ${node} EMFILE <- EMFILE`;
    const blocked = 'ERR_MANYCORE_BROKEN_POOL Workers could not be started <- undefined';
    expect(await linesOf('pool')).toEqual([why, why, blocked, '7']);
  });

  test('a program that is not there', async () => {
    expect(await linesOf('path')).toEqual([
      'ERR_MANYCORE_BROKEN_POOL Workers could not be started: spawn /no/such/node ENOENT <- ENOENT',
      'ERR_MANYCORE_PROCESS Process P could not be started: spawn /no/such/node ENOENT <- ENOENT',
    ]);
  });

  test('threads, too; what is wrong with options stays as it is', () => {
    const noThread = Object.assign(new Error('Worker initialization failure: EAGAIN'), {
      code: 'ERR_WORKER_INIT_FAILED',
    });
    expect(startError('P', noThread)).toMatchObject({ code: 'ERR_MANYCORE_PROCESS', cause: noThread });
    const wrong = Object.assign(new TypeError('invalid'), { code: 'ERR_INVALID_ARG_VALUE' });
    expect(startError('P', wrong)).toBe(wrong);
  });
});
