import { apply, imap, imapUnordered, map, starmap } from 'manycore';
import { expect, test } from 'vitest';
import { collect, failure, numbers, ref, runScript, square, threadOf, thrown } from '../helpers.js';

test('map, starmap, apply, imap and imapUnordered at module level', async () => {
  expect(await map(square, numbers(10))).toEqual(numbers(10).map(square));
  expect(await map(square, numbers(10), 3)).toEqual(numbers(10).map(square));
  expect(await starmap((a: number, b: number) => a * b, [[3, 4]])).toEqual([12]);
  expect(await apply(square, [9])).toBe(81);
  expect(await collect(imap(square, numbers(5)))).toEqual([0, 1, 4, 9, 16]);
  expect((await collect(imapUnordered(square, numbers(5), 2))).sort((a, b) => a - b)).toEqual([0, 1, 4, 9, 16]);
});

test('they use workers, and the same ones again', async () => {
  const threads = new Set<number>();
  for (const _ of numbers(20)) threads.add(await apply(threadOf));
  expect(threads.has(threadOf())).toBe(false);
  const before = new Set(await map(threadOf, numbers(50), 1));
  for (const thread of threads) before.add(thread);
  const after = await map(threadOf, numbers(50), 1);
  expect(after.some((thread) => before.has(thread))).toBe(true);
});

test('errors and options are those of a pool', async () => {
  const error = await failure(() => apply(ref('tasks.mjs', 'fail'), ['default']));
  expect(error.message).toBe('default');
  expect(thrown(() => map(square, [1], { chunksize: 1 } as object)).message).toContain('chunkSize');
  const reason = new Error('not now');
  expect(await failure(() => map(square, [1], { signal: AbortSignal.abort(reason) }))).toBe(reason);
  const settled = await map(ref('tasks.mjs', 'fail'), ['x'], { settled: true });
  expect(settled[0].status).toBe('rejected');
});

test('a worker that dies is replaced', async () => {
  for (const n of numbers(3)) {
    expect((await failure(() => apply(ref('death.mjs', 'exit'), [n]))).code).toBe('ERR_MANYCORE_WORKER_LOST');
    expect(await apply(square, [n])).toBe(n * n);
  }
});

test('a script that uses it needs no clean-up: it exits by itself, and while it idles it holds nothing', async () => {
  const { code, stdout, stderr } = await runScript('default-pool.mjs');
  expect(stdout).toBe('1,4,9\n25\n');
  expect(stderr).toBe('');
  expect(code).toBe(0);
});
