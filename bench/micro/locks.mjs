// How long an uncontended lock takes, and what eight workers get of one lock: a microsecond inside it and one outside.
// Run after `npm run build`: node bench/micro/locks.mjs
import { Lock, Pool, RLock, Semaphore } from '../../dist/bundle/index.js';

const ROUNDS = 9;
const STEPS = 1e6;
const MS = 1500;

/** Nanoseconds of one acquireSync and release: the best of some rounds. */
function pair(lock) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < STEPS; i++) {
      lock.acquireSync();
      lock.release();
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / STEPS);
  }
  return best;
}

for (const lock of [new Lock(), new RLock(), new Semaphore()]) {
  console.log(`${`${lock.constructor.name}: acquireSync, release`.padEnd(44)} ${pair(lock).toFixed(1).padStart(8)} ns`);
}

/** Runs in a worker: a microsecond inside, a microsecond outside, until the time is over. Gives how often. */
const contend = (lock, start, ms) => {
  const spin = (ns) => {
    const end = process.hrtime.bigint() + ns;
    while (process.hrtime.bigint() < end);
  };
  while (Date.now() < start);
  const end = start + ms;
  let times = 0;
  while (times % 64 !== 0 || Date.now() < end) {
    lock.acquireSync();
    spin(1000n);
    lock.release();
    spin(1000n);
    times++;
  }
  return times;
};

const throughput = async (workers) => {
  const pool = new Pool(workers);
  const lock = new Lock();
  await Promise.all(Array.from({ length: workers }, () => pool.apply(contend, [lock, 0, 0])));
  const start = Date.now() + 100;
  const times = await Promise.all(Array.from({ length: workers }, () => pool.apply(contend, [lock, start, MS])));
  await pool.terminate();
  return times;
};

const sum = (times) => times.reduce((all, n) => all + n, 0);
const alone = sum(await throughput(1));
const together = await throughput(8);
const share = Math.min(...together) / (sum(together) / together.length);
console.log(
  `one worker: ${Math.round(alone / MS)} k/s; eight: ${Math.round(sum(together) / MS)} k/s, ${(sum(together) / alone).toFixed(2)} × of one`,
);
console.log(`of eight, the one that had the lock least had ${(share * 100).toFixed(0)} % of a fair share`);
