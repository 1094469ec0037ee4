// Work for whoever is free: the queue knows when everything that was put has been done.
import { JoinableQueue, Pool, Value } from 'manycore';

const queue = new JoinableQueue();
const letters = new Value('i', 0);

/** Runs in the workers, until the queue is shut down. */
const work = async ([queue, letters]) => {
  let words = 0;
  for await (const word of queue) {
    letters.add(word.length);
    words += 1;
    queue.taskDone();
  }
  return words;
};

const pool = new Pool(2);
const workers = pool.map(work, Array(2).fill([queue, letters]), 1);
await queue.putMany('the quick brown fox jumps over the lazy dog'.split(' '));
await queue.join();
console.log(`all done: ${letters.value} letters`);
queue.shutdown();
const words = await workers;
console.log(`${words.reduce((sum, n) => sum + n)} words by ${words.length} workers`);
await pool.terminate();
