import { describe, expect, test } from 'vitest';
import { type Finished, fixture, startProgram } from '../helpers.js';

const urlOf = (name: string): string => fixture(`scripts/preload-${name}.mjs`).href;

/** Runs a program of nothing with a module preloaded, by a flag or by NODE_OPTIONS. */
function preloaded(name: string, by: string, flag: boolean): Promise<Finished> {
  const preload = `--import=${urlOf(name)}`;
  const args = flag ? [preload, '-e', '1'] : ['-e', '1'];
  const env = { ...process.env, NODE_OPTIONS: flag ? '' : preload, BY: by };
  return startProgram(process.execPath, args, env).finished;
}

const times = (text: string, part: string): number => text.split(part).length - 1;

describe.each(['thread', 'spawn'])("a preloaded module that starts others by '%s'", (by) => {
  test.each([true, false])(
    'that makes a pool is shown the guard in the worker, and nothing goes on (flag: %s)',
    async (flag) => {
      const { stdout, stderr, code } = await preloaded('makes-pool', by, flag);
      expect(stdout).toBe(`BrokenPoolError ${by === 'thread' ? 'StateError' : 'undefined'}\n`);
      // A thread's error reaches the pool, which prints it once; a process prints its own.
      expect(times(stderr, 'makes a Pool again')).toBe(by === 'thread' ? 1 : 2);
      expect(stderr).toContain('if (isMainThread) {');
      expect(code).toBe(0);
    },
  );

  test('that starts a process is shown the guard', async () => {
    const { stdout, code } = await preloaded('starts-process', by, true);
    expect(stdout).toBe(`${by === 'thread' ? 'StateError' : 'WorkerLostError'}\n1\n`);
    expect(code).toBe(0);
  });

  test.each([true, false])('that is guarded may use all of the package (flag: %s)', async (flag) => {
    const { stdout, stderr, code } = await preloaded('guarded', by, flag);
    expect(stderr).toBe('');
    expect(stdout).toBe('PoolWorker-1 false\nProcess-1 false\nMainProcess true 10\n');
    expect(code).toBe(0);
  });
});

test('a process that a preloaded module starts by itself is none of the package', async () => {
  const { stdout, stderr } = await preloaded('spawns-node', 'spawn', true);
  expect(stderr).toBe('');
  expect(stdout).toBe('{"main":true,"name":"MainProcess"}\n');
});
