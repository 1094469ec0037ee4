import { StateError } from 'manycore';
import { expect, test } from 'vitest';
import { failure, Gate, makePool, ref, runScript, sleep, square, until } from '../helpers.js';

test('B48 pools inside workers: each works and ends', async () => {
  const pool = makePool(2);
  const sums = await pool.map(ref('nested.mjs', 'sumOfSquares'), [3, 5, 10, 20]);
  expect(sums).toEqual([5, 30, 285, 2470]);
  expect(await pool.map(square, [2])).toEqual([4]);
});

test('B48 a nested pool dies with its parent', async () => {
  const pool = makePool(1);
  const gate = new Gate();
  expect(await pool.apply(ref('nested.mjs', 'leaveBusyPool'), [gate.shared])).toBe(1);
  await gate.reached();
  await until(() => gate.left > 3);
  await pool.terminate();
  const count = gate.left;
  await sleep(60);
  expect(gate.left).toBe(count);
});

test('B48 a nested pool dies with its parent when that exits by itself', async () => {
  const pool = makePool(1);
  const gate = new Gate();
  await pool.apply(ref('nested.mjs', 'leaveBusyPool'), [gate.shared]);
  await gate.reached();
  await failure(() => pool.apply(ref('death.mjs', 'exit'), [0]));
  await pool.apply(square, [2]);
  await until(() => pool.workers.length === 1);
  const settled = async (): Promise<void> => {
    for (let before = -1; before !== gate.left; ) {
      before = gate.left;
      await sleep(40);
    }
  };
  await settled();
});

test('every nested pool gets at least one worker', async () => {
  const pool = makePool(4);
  expect(await pool.map(ref('nested.mjs', 'sumOfSquares'), [4, 4, 4, 4], 1)).toEqual([14, 14, 14, 14]);
});

test('179 a task module that makes a pool at its top level: StateError with the isMainThread guard', async () => {
  const pool = makePool(1);
  const error = await failure(() => pool.apply(ref('pool-at-top-level.mjs', 'square'), [3]));
  expect(error).toBeInstanceOf(StateError);
  expect(error.message).toContain('isMainThread');
  expect(await pool.apply(square, [3])).toBe(9);
});

test('179 a main script without the guard fails with a clear error and is no fork bomb', async () => {
  const { code, stdout, stderr } = await runScript('unguarded.mjs');
  expect(code).toBe(1);
  expect(stderr).toContain('isMainThread');
  expect(stdout).toBe('main\nmain again in a worker\n');
});

test('179 a main script with the guard works', async () => {
  const { code, stdout } = await runScript('guarded.mjs');
  expect(stdout).toBe('1,4,9\n');
  expect(code).toBe(0);
});
