import { Pool, Process } from 'manycore';
import { describe, expect, test } from 'vitest';
import { inheritedFlags } from '../../ts/internal/exec-argv.js';
import { failure, makePool, square, thrown } from '../helpers.js';

/** Flags with which a child would not run its program, and which of them says so. */
const refused: ReadonlyArray<readonly [readonly string[], number]> = [
  [['-e', 'process.exit(7)'], 0],
  [['--no-warnings', '--eval=1'], 1],
  [['--import', 'data:text/javascript,', '-p', '1'], 2],
  [['-pe', '1'], 0],
  [['--print'], 0],
  [['-i'], 0],
  [['--interactive'], 0],
  [['-c'], 0],
  [['--check'], 0],
  [['--test'], 0],
  [['--bench'], 0],
  [['--run', 'build'], 0],
  [['--watch'], 0],
  [['--watch-path=.'], 0],
  [['--watch_path', '.'], 0],
  [['--build_snapshot'], 0],
  [['--snapshot-blob', 'x'], 0],
  [['--experimental-sea-config', 'x'], 0],
  [['--build-sea=x'], 0],
  [['--prof-process'], 0],
  [['-v'], 0],
  [['--help'], 0],
  [['-'], 0],
  [['--', 'x.js'], 0],
  [['x.js'], 0],
  [['--title=x', 'x.js'], 1],
  [['--no-warnings', 'x.js'], 1],
  [['--import', 'data:text/javascript,', 'x.js'], 2],
];

describe('flags that replace the program of a child process', () => {
  test.each(refused)('%j', (execArgv, index) => {
    const named = `Expected \`execArgv[${index}]\` to be a flag that leaves a child process its own program, got \``;
    const pool = thrown(() => new Pool({ context: 'spawn', execArgv }));
    const child = thrown(() => new Process({ target: square, args: [1], context: 'spawn', execArgv }).start());
    for (const error of [pool, child]) {
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain(named);
    }
  });

  test('others are passed on', async () => {
    const execArgv = ['--title', 'x', '--import', 'data:text/javascript,', '--test-reporter=dot', '--no-warnings'];
    const flags = (): string[] => process.execArgv;
    expect(await makePool({ processes: 1, context: 'spawn', execArgv }).apply(flags)).toEqual(execArgv);
    const child = new Process({ target: flags, context: 'spawn', execArgv }).start();
    expect(await child.result).toEqual(execArgv);
    await child.join();
  });

  test('a thread runs its program whatever they say, or is refused by Node', async () => {
    expect(await makePool({ processes: 1, context: 'thread', execArgv: ['-e', '1'] }).apply(square, [3])).toBe(9);
    const running = makePool({ processes: 1, context: 'thread', execArgv: ['--run', 'build'] });
    expect(await failure(() => running.apply(square, [3]))).toHaveProperty(
      'cause.code',
      'ERR_WORKER_INVALID_EXEC_ARGV',
    );
  });
});

test('a child inherits what is not about the program of its parent', () => {
  const given = [
    '--conditions',
    'x',
    '--test-reporter',
    'spec',
    '-e',
    'f()',
    '--inspect=1',
    '--watch-path',
    '.',
    '-r',
    'y',
  ];
  expect(inheritedFlags(given)).toEqual(['--conditions', 'x', '-r', 'y']);
  expect(inheritedFlags(['--input-type=module', '-p', '1', '--snapshot_blob', 'x'])).toEqual([]);
});
