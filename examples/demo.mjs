// The main job, in two parts: which of 50 numbers near 10⁷ are primes, then the words and the identifiers in every .ts
// and .js file below node_modules. Each part runs in the workers, then once more on this one thread.
// Usage: node demo.mjs [folder, node_modules if not given]
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Pool, tasks } from 'manycore';
import { isPrime, numbers } from './primes.mjs';
import { groups, merge, summary } from './word-count.mjs';
import { countFiles } from './word-count.tasks.mjs';

const here = (name) => new URL(name, import.meta.url);
const folder = process.argv[2] ?? fileURLToPath(here('../node_modules'));
const pool = await new Pool().ready();

/** Runs a job in the workers and on this thread, and says how much the workers gained. */
async function compare(parallel, sequential) {
  const start = performance.now();
  const result = await parallel();
  const middle = performance.now();
  sequential();
  const end = performance.now();
  const [many, one] = [middle - start, end - middle];
  const seconds = (time) => `${(time / 1000).toFixed(2)} s`;
  console.log(
    `${pool.processes} workers ${seconds(many)}, one thread ${seconds(one)}: ${(one / many).toFixed(2)} times as fast\n`,
  );
  return result;
}

console.log(`Primes among ${numbers.length} numbers near 10⁷`);
const answers = await compare(
  () => pool.map(tasks(here('primes.mjs')).isPrime, numbers),
  () => numbers.map(isPrime),
);
console.log(`${numbers.filter((_, i) => answers[i]).join(' ')}\n`);

const files = groups(folder);
console.log(`Words and identifiers in ${files.flat().length} files below ${folder}`);
const total = await compare(
  async () => merge(await pool.map(tasks(here('word-count.tasks.mjs')).countFiles, files, { progress: true })),
  () => merge(files.map(countFiles)),
);
for (const [kind, counts] of Object.entries(total)) console.log(summary(kind, counts));

console.log('\nWhat each worker did, times in milliseconds');
console.table(
  pool.stats().workers.map(({ id, completed, stolen, startUp, working, waiting }) => ({
    worker: id,
    tasks: completed,
    'taken from others': stolen,
    'start-up': Math.round(startUp),
    working: Math.round(working),
    waiting: Math.round(waiting),
  })),
);
await pool.terminate();
