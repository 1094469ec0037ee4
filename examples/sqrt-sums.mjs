// Eight heavy sums of square roots, 2,000,000 terms each: one after the other, then in parallel.
import { performance } from 'node:perf_hooks';
import { Pool, range } from 'manycore';

/** √(2,000,000 k) + … , 2,000,000 terms. Uses nothing from outside, so it can be sent as it is. */
const sqrtSum = (k) => {
  let sum = 0;
  for (let n = 2_000_000 * k; n < 2_000_000 * (k + 1); n++) sum += Math.sqrt(n);
  return sum;
};

const pool = await new Pool().ready();
const measured = async (name, run) => {
  const start = performance.now();
  const sums = await run();
  const time = performance.now() - start;
  console.log(`${name}: ${sums.reduce((a, b) => a + b).toFixed(3)} in ${time.toFixed(1)} ms`);
  return time;
};
const sequential = await measured('sequential', () => Array.from(range(8), sqrtSum));
const parallel = await measured('parallel', () => pool.map(sqrtSum, range(8)));
console.log(`${(sequential / parallel).toFixed(2)} times as fast with ${pool.processes} workers`);
await pool.terminate();
