// An Event that stops a worker in the middle of its loop.
import { Event, Pool, Value } from 'manycore';

const stop = new Event();
const turns = new Value('d', 0);

/** Runs in a worker: a loop that never leaves its thread looks at the event in every turn. */
const spin = (stop, turns) => {
  while (!stop.isSet()) turns.add(1);
  return 'stopped';
};

const pool = new Pool(1);
const worker = pool.apply(spin, [stop, turns]);
while (turns.value < 1000) await new Promise((resolve) => setTimeout(resolve, 1));
stop.set();
console.log(`${await worker} after at least ${Math.min(turns.value, 1000)} turns`);
await pool.terminate();
