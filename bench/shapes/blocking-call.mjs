const calls = (pool, count) => {
  const from = performance.now();
  for (let i = 0; i < count; i++) {
    if (pool.callSync('inc', i) !== i + 1) throw new Error(`call ${i} gave a wrong result`);
  }
  return performance.now() - from;
};

export default {
  title: 'Blocking call: x + 1, the calling thread waits without an event loop',
  contenders: ['manycore', 'synckit'],
  params: (quick) => ({ workers: 2, calls: quick ? 500 : 2000 }),
  metrics: { call: { label: 'per call', unit: 'µs', better: 'lower' } },
  async setup(pool, { workers, calls: count }) {
    await pool.load();
    pool.start(workers, pool.constructor.settings[0]);
    calls(pool, count);
    return {};
  },
  round: (pool, { calls: count }) => ({ call: (calls(pool, count) * 1000) / count }),
  goals: [
    { metric: 'call', atMost: 3, stretch: 1.5 },
    { metric: 'call', against: ['synckit'], atLeast: 20 },
  ],
};
