// Counting up, by one function: twice in a row, in two threads, and in two processes, with times.
// node thread-or-process.mjs [count] [method]: `method` is how a Process starts, 'thread' or 'spawn'.
import { Process, setStartMethod, Thread } from 'manycore';

const [count = 2e9, method = 'thread'] = process.argv.slice(2);
setStartMethod(method);

/** Runs wherever it is called. */
const countUp = (count) => {
  let n = 0;
  while (n < count) n++;
  return n;
};

/** Prints how long `run` takes, in milliseconds. */
const timed = async (name, run) => {
  const began = performance.now();
  const counts = await run();
  console.log(`${name}: ${counts.join(' and ')} in ${(performance.now() - began).toFixed(0)} ms`);
};

/** Two of a kind at the same time. */
const two = (Kind) => () =>
  Promise.all([1, 2].map(() => new Kind({ target: countUp, args: [Number(count)] }).start().result));

await timed('one after the other', () => [countUp(Number(count)), countUp(Number(count))]);
await timed('two threads', two(Thread));
await timed(`two processes ('${method}')`, two(Process));
