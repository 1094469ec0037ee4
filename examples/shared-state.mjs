// A number and ten integers in shared memory: a worker changes them, and they have changed here.
import { Pool, Array as SharedArray, Value } from 'manycore';

const number = new Value('d', 0);
const integers = new SharedArray('i', 10);
integers.forEach((_, i) => {
  integers[i] = i;
});

/** Runs in a worker. */
const change = (number, integers) => {
  number.value = Math.PI;
  for (let i = 0; i < integers.length; i++) integers[i] = -integers[i];
};

const pool = new Pool(1);
await pool.apply(change, [number, integers]);
console.log(number.value);
console.log(integers.join(' '));
await pool.terminate();
