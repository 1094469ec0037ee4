// Two processes put products into one queue. An argument says how they start: 'thread' or 'spawn'.
import { Process, Queue, setStartMethod } from 'manycore';

setStartMethod(process.argv[2] ?? 'thread');
const queue = new Queue();

/** Runs in the processes. */
const multiply = (numbers, factor, queue) => {
  for (const n of numbers) queue.putSync([factor, n, n * factor]);
};

const children = [2, 3].map((factor) => new Process({ target: multiply, args: [[1, 2, 3, 4], factor, queue] }));
for (const child of children) child.start();
// In Python they have to be joined after the queue was emptied. Here the order does not matter.
for (const child of children) await child.join();
queue.shutdown();

const rows = { 2: [], 3: [] };
for await (const [factor, , product] of queue) rows[factor].push(product);
for (const [factor, products] of Object.entries(rows)) console.log(`times ${factor}: ${products.join(' ')}`);
