// The eight methods of Python's Pool, with a function that sleeps for 3, 2 and 1 seconds: `apply` runs the three
// calls in series and takes their sum, the seven others run them in parallel and take as long as the longest.
// Usage: node pool-methods.mjs [milliseconds that one second shall last, 1000 if not given]
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';
import { currentTask, Pool, tasks } from 'manycore';

/** Sleeps, then tells what it was given and where it ran. */
export async function work(seconds, text, scale) {
  await sleep(seconds * scale);
  return { number: seconds, text, parentId: process.pid, workerId: currentTask().workerId, threadId };
}

/** The same with its arguments in one array, for the methods that pass one argument. */
export const workOn = (args) => work(...args);

if (isMainThread) {
  const scale = Number(process.argv[2] ?? 1000);
  const calls = [3, 2, 1].map((seconds) => [seconds, ['', 'one', 'two', 'three'][seconds], scale]);
  const inWorkers = tasks(import.meta.url);
  const pool = await new Pool(3).ready();

  const collect = async (iterator) => {
    const results = [];
    for await (const result of iterator) results.push(result);
    return results;
  };
  const methods = {
    apply: async () => [
      await pool.apply(inWorkers.work, calls[0]),
      await pool.apply(inWorkers.work, calls[1]),
      await pool.apply(inWorkers.work, calls[2]),
    ],
    applyAsync: () => Promise.all(calls.map((args) => pool.applyAsync(inWorkers.work, args).get())),
    map: () => pool.map(inWorkers.workOn, calls),
    mapAsync: () => pool.mapAsync(inWorkers.workOn, calls).get(),
    imap: () => collect(pool.imap(inWorkers.workOn, calls)),
    imapUnordered: () => collect(pool.imapUnordered(inWorkers.workOn, calls)),
    starmap: () => pool.starmap(inWorkers.work, calls),
    starmapAsync: () => pool.starmapAsync(inWorkers.work, calls).get(),
  };
  for (const [name, method] of Object.entries(methods)) {
    const start = performance.now();
    const results = await method();
    console.log(`${name}: ${((performance.now() - start) / scale).toFixed(1)} s`);
    for (const r of results) {
      console.log(`  ${r.number} ${r.text}, parent ${r.parentId}, worker ${r.workerId}, thread ${r.threadId}`);
    }
  }
  await pool.terminate();
}
