import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

/** Runs an example to its end, as a user would, and gives the lines it printed; stderr may only tell the progress. */
async function run(name: string, ...args: (string | number)[]): Promise<string[]> {
  const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, ...args.map(String)]);
  expect(stderr).toMatch(/^(\d+\/\d+ .+\n)*$/);
  return stdout.trimEnd().split('\n');
}

/** A folder with two files to count, and with others that are to be left out; gone when the test ends. */
function sources(): string {
  const folder = mkdtempSync(join(tmpdir(), 'manycore-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'deep'));
  writeFileSync(join(folder, 'a.ts'), 'const userName = getName(user); // the user\n');
  writeFileSync(join(folder, 'deep', 'b.js'), 'export const user = userName;\n');
  writeFileSync(join(folder, 'notes.txt'), 'not counted\n');
  return folder;
}

const words = '10 words, 6 different: user 3, const 2, username 2, export 1, getname 1';
const identifiers = '7 identifiers, 4 different: user 3, userName 2, getName 1, the 1';

test('primes finds the nine primes among 50 numbers near 10⁷', async () => {
  expect(await run('primes')).toEqual([
    '9 primes of 50 numbers: 9999901 9999907 9999929 9999931 9999937 9999943 9999971 9999973 9999991',
  ]);
});

test('square maps range(10) over four workers, in order', async () => {
  expect(await run('square')).toEqual(['0 1 4 9 16 25 36 49 64 81']);
});

describe('pool-methods', () => {
  const names = ['apply', 'applyAsync', 'map', 'mapAsync', 'imap', 'imapUnordered', 'starmap', 'starmapAsync'];
  const byMethod = new Map<string, RegExpExecArray[]>();

  beforeAll(async () => {
    let method = '';
    for (const line of await run('pool-methods', 100)) {
      const head = /^(\w+): \d+\.\d s$/.exec(line);
      if (head) {
        method = head[1] as string;
        byMethod.set(method, []);
        continue;
      }
      const row = /^ {2}(\d) (\w+), parent (\d+), worker (\d+), thread (\d+)$/.exec(line);
      if (!row) throw new Error(`Unexpected line: ${line}`);
      byMethod.get(method)?.push(row);
    }
  });

  test('runs the eight methods', () => {
    expect([...byMethod.keys()]).toEqual(names);
  });

  test.each(names.filter((name) => name !== 'imapUnordered'))('%s gives the three results in order', (name) => {
    expect(byMethod.get(name)?.map(([, number, text]) => [number, text])).toEqual([
      ['3', 'three'],
      ['2', 'two'],
      ['1', 'one'],
    ]);
  });

  test('imapUnordered gives the three results in the order in which they end', () => {
    expect(
      byMethod
        .get('imapUnordered')
        ?.map(([, number, text]) => `${number} ${text}`)
        .sort(),
    ).toEqual(['1 one', '2 two', '3 three']);
  });

  test.each(names.filter((name) => name !== 'apply'))('%s runs the three in three workers at a time', (name) => {
    expect(new Set(byMethod.get(name)?.map(([, , , , worker]) => worker)).size).toBe(3);
  });

  test('all of it runs in one process, on threads other than the main one', () => {
    const rows = [...byMethod.values()].flat();
    expect(new Set(rows.map(([, , , parent]) => parent)).size).toBe(1);
    expect(rows.every(([, , , , , thread]) => Number(thread) > 0)).toBe(true);
  });
});

test('sqrt-sums gives the same sum in sequence and in parallel', async () => {
  const [sequential, parallel, faster] = await run('sqrt-sums');
  expect(sequential).toMatch(/^sequential: 42666664666\.\d{3} in \d+\.\d ms$/);
  expect(parallel?.split(' ')[1]).toBe(sequential?.split(' ')[1]);
  expect(faster).toMatch(/^\d+\.\d\d times as fast with \d+ workers$/);
});

test('pipeline folds an endless source in order, and reads only as far ahead as its buffer', async () => {
  const [line] = await run('pipeline', 20_000);
  const [, folded, count, ahead] = /^(\d+) lines in order, (\d+) words, .* at most (\d+) lines/.exec(line ?? '') ?? [];
  expect([folded, count]).toEqual(['20000', '119996']);
  expect(Number(ahead)).toBeLessThanOrEqual(64);
});

test('word-count counts the words and the identifiers of .ts and .js files only', async () => {
  const lines = await run('word-count', sources());
  expect(lines.slice(-2)).toEqual([words, identifiers]);
});

test('demo runs both parts, compares them with one thread, and says what each worker did', async () => {
  const lines = await run('demo', sources());
  expect(lines[0]).toBe('Primes among 50 numbers near 10⁷');
  expect(lines).toContain('9999901 9999907 9999929 9999931 9999937 9999943 9999971 9999973 9999991');
  expect(lines).toContain(words);
  expect(lines).toContain(identifiers);
  expect(lines.filter((line) => /times as fast/.test(line))).toHaveLength(2);
  // The 50 numbers and the one group of files, whoever ran them.
  const table = lines.slice(lines.indexOf('What each worker did, times in milliseconds') + 4, -1);
  const tasks = table.map((line) => Number(line.split('│')[3]));
  expect(tasks.reduce((a, b) => a + b, 0)).toBe(51);
});

describe('shared state', () => {
  test('counter: a hundred increments from each of four workers', async () => {
    expect(await run('counter')).toEqual(['count 400, by worker 100 100 100 100']);
  });

  test('producer-consumer: a queue and an end marker', async () => {
    expect(await run('producer-consumer')).toEqual(['1000 items, sum of squares 333833500']);
  });

  test('joinable-queue: taskDone and join', async () => {
    expect(await run('joinable-queue')).toEqual(['all done: 35 letters', '9 words by 2 workers']);
  });

  test('event-stop: an event stops a worker in its loop', async () => {
    expect(await run('event-stop')).toEqual(['stopped after at least 1000 turns']);
  });

  test('log-lock: entries of many workers stay whole', async () => {
    expect(await run('log-lock')).toEqual(['100 whole entries of 100']);
  });

  test('shared-state: what a worker changed has changed here', async () => {
    expect(await run('shared-state')).toEqual(['3.141592653589793', '0 -1 -2 -3 -4 -5 -6 -7 -8 -9']);
  });

  test('matrix: rows of a product, in place', async () => {
    expect(await run('matrix')).toEqual(['120 × 120: right, trace 86389']);
  });
});

/** The start methods that this version can start something with. */
const methods = ['thread', 'spawn'];

describe.each(methods)("processes, '%s'", (method) => {
  test('thread-or-process: the same count, with times', async () => {
    const lines = await run('thread-or-process', 1e6, method);
    const counted = /^(.+): 1000000 and 1000000 in \d+ ms$/;
    expect(lines.map((line) => counted.exec(line)?.[1])).toEqual([
      'one after the other',
      'two threads',
      `two processes ('${method}')`,
    ]);
  });

  test('process: arguments, start and join', async () => {
    expect(await run('process', method)).toEqual([
      'before: alive false, exit code null',
      'started: alive true',
      'hello bob! from Process-1, child of MainProcess',
      'after: alive false, exit code 0',
    ]);
  });

  test('process-queue: products from two processes', async () => {
    expect(await run('process-queue', method)).toEqual(['times 2: 2 4 6 8', 'times 3: 3 6 9 12']);
  });

  test('process-lock: a hundred processes and one value', async () => {
    expect(await run('process-lock', method)).toEqual(['count 100']);
  });

  test('daemon: one ends with the program, the other is waited for', async () => {
    expect(await run('daemon', method)).toEqual(['worked while the daemon beat', 'the end, also of the daemon']);
  });

  test('process-result: a value and an error', async () => {
    expect(await run('process-result', method)).toEqual([
      '{ quotient: 3, remainder: 2 } 0',
      'RangeError: 17 cannot be divided by zero 1',
    ]);
  });

  test('nested-pools: pools in the workers of a pool', async () => {
    expect(await run('nested-pools', method)).toEqual(['285 + 2185 + 6085 + 11985 = 20540']);
  });

  test('start-method: for all, and for one', async () => {
    expect(await run('start-method', method)).toEqual([
      'there are thread and spawn',
      `processes start by '${method}'`,
      `started by '${method}'`,
      "started by 'thread'",
    ]);
  });

  test('process-logs: a file for each', async () => {
    expect(await run('process-logs', method)).toEqual([1, 2, 3].map((n) => `task ${n} begins, task ${n} ends`));
  });
});
