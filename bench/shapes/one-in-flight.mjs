import { peers } from '../contenders/index.mjs';
import { saturate, tune } from '../lib/drive.mjs';

const calls = (pool, count) =>
  saturate(pool, 'inc', { count, window: 1, input: (i) => i, right: (value, i) => value === i + 1 });

export default {
  title: 'One call in flight: x + 1, each awaited before the next',
  contenders: ['manycore', ...peers, 'raw', 'python'],
  params: (quick) => ({ workers: 2, calls: quick ? 500 : 2000, warmMs: 300 }),
  metrics: { call: { label: 'per call', unit: 'µs', better: 'lower' } },
  async setup(pool, { workers, calls: count, warmMs }) {
    await pool.load();
    const info = await tune(pool, workers, () => calls(pool, count / 2));
    pool.start(workers, info.settings);
    const until = performance.now() + warmMs;
    while (performance.now() < until) await calls(pool, count);
    return { info };
  },
  round: async (pool, { calls: count }) => ({ call: ((await calls(pool, count)) * 1000) / count }),
  goals: [{ metric: 'call', against: ['raw'], atLeast: 1 / 1.15, stretch: 1 }],
};
