// Counts the words and the identifiers in every .ts and .js file below a folder.
// Usage: node word-count.mjs [folder, node_modules if not given]
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { Pool, tasks } from 'manycore';

/** Every .ts and .js file below `folder`, in groups of at most 16: one group is one task. */
export function groups(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return Array.from({ length: Math.ceil(files.length / 16) }, (_, i) => files.slice(i * 16, (i + 1) * 16));
}

/** The counts of many groups in one. */
export function merge(results) {
  const total = { words: new Map(), identifiers: new Map() };
  for (const kind of Object.keys(total)) {
    for (const result of results) {
      for (const [name, count] of result[kind]) total[kind].set(name, (total[kind].get(name) ?? 0) + count);
    }
  }
  return total;
}

/** One line: how many there are, how many of them differ, and the most frequent five. */
export function summary(kind, counts) {
  const sum = [...counts.values()].reduce((a, b) => a + b, 0);
  const top = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 5);
  return `${sum} ${kind}, ${counts.size} different: ${top.map(([name, count]) => `${name} ${count}`).join(', ')}`;
}

if (isMainThread && process.argv[1] === import.meta.filename) {
  const { countFiles } = tasks(new URL('./word-count.tasks.mjs', import.meta.url));
  const pool = new Pool();
  const total = merge(await pool.map(countFiles, groups(process.argv[2] ?? 'node_modules'), { progress: true }));
  for (const [kind, counts] of Object.entries(total)) console.log(summary(kind, counts));
  await pool.terminate();
}
