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
  params: (quick) => ({ workers: 2, roundMs: quick ? 50 : 100, warmMs: 300 }),
  metrics: { call: { label: 'per call', unit: 'µs', better: 'lower' } },
  async setup(pool, { workers, roundMs, warmMs }) {
    await pool.load();
    pool.start(workers, pool.constructor.settings[0]);
    const until = performance.now() + warmMs;
    let ms = 0;
    while (performance.now() < until) ms = calls(pool, 500);
    const count = Math.max(500, Math.round((500 * roundMs) / ms));
    return { count, info: { calls: count } };
  },
  round: (pool, _params, { count }) => ({ call: (calls(pool, count) * 1000) / count }),
  goals: [
    { metric: 'call', atMost: 3, stretch: 1.5 },
    { metric: 'call', against: ['synckit'], atLeast: 20 },
  ],
};
