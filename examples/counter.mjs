// Four workers add to one Value and one Array, a hundred times each, under a Lock: no increment is lost.
import { Lock, Pool, Array as SharedArray, Value } from 'manycore';

const count = new Value('i', 0, { lock: false });
const perWorker = new SharedArray('i', 4, { lock: false });
const lock = new Lock();

/** Runs in the workers. */
const addHundred = (index, count, perWorker, lock) => {
  for (let i = 0; i < 100; i++) {
    lock.withLockSync(() => {
      count.value += 1;
      perWorker[index] += 1;
    });
  }
};

const pool = new Pool(4);
await pool.starmap(
  addHundred,
  [0, 1, 2, 3].map((index) => [index, count, perWorker, lock]),
  1,
);
console.log(`count ${count.value}, by worker ${perWorker.join(' ')}`);
await pool.terminate();
