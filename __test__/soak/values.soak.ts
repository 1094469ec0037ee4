import { RawArray, SharedArray, Value } from 'manycore';
import { expect, test } from 'vitest';
import { addon, collected, makePool, ref, sleep } from '../helpers.js';

const kinds: [string, () => unknown][] = [
  ['Values', () => new Value('d', 1.5)],
  ['small Arrays', () => new SharedArray('i', 4)],
];

test.each(kinds)('a million %s, made and dropped, leave the region at its size', async (name, make) => {
  await collected(() => addon.objectCount() === 0);
  const before = addon.blocksInUse();
  let peak = 0;
  for (let i = 0; i < 1_000_000; i++) {
    make();
    if (i % 1000 !== 0) continue;
    await new Promise((done) => setImmediate(done));
    peak = Math.max(peak, addon.objectCount());
  }
  await collected(() => addon.objectCount() === 0);
  console.log(JSON.stringify({ test: name, 'most at a time': peak }));
  expect(addon.blocksInUse()).toBe(before);
});

/** One pool that is ended in the middle of its work. */
async function endBusy(round: number): Promise<void> {
  const pool = makePool(3);
  const value = new Value('d', round);
  const array = new RawArray('i', 1000);
  const given = [value, array, array.subarray(round % 1000)];
  const calls = Array.from({ length: 20 }, (_, i) =>
    pool.apply(ref('values.mjs', i % 4 === 0 ? 'makeAndDrop' : 'give'), [i % 4 === 0 ? 1e6 : given]).catch(() => {}),
  );
  await sleep(round % 60);
  await pool.terminate();
  await Promise.all(calls);
  expect([value.value, array.length]).toEqual([round, 1000]);
}

test('workers that are terminated while they make, send and drop leave nothing, 300 times', async () => {
  // What a process takes once for all of its pools.
  await endBusy(0);
  await collected(() => addon.objectCount() === 0);
  const before = addon.blocksInUse();
  for (let round = 0; round < 300; round++) await endBusy(round);
  await collected(() => addon.objectCount() === 0);
  expect(addon.blocksInUse()).toBe(before);
});
