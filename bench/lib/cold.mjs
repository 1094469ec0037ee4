// The two cold-start shapes: each round is a fresh process that makes its first pool.

/** One measurement: `use(pool, workers)` ends when the pool has answered. `processes`: its workers are child processes. */
export async function coldStart(pool, { workers, processes = false }, use) {
  const { settings, processSettings } = pool.constructor;
  const from = performance.now();
  await pool.load();
  const loaded = performance.now();
  pool.start(workers, (processes ? processSettings : settings)[0]);
  await use(pool, workers);
  const answered = performance.now();
  return { start: answered - loaded, total: answered - from };
}

export const coldMetrics = {
  start: { label: 'pool made to answer', unit: 'ms', better: 'lower' },
  total: { label: 'the same and the import of the library', unit: 'ms', better: 'lower' },
};
