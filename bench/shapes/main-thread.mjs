import { peers } from '../contenders/index.mjs';
import { saturate, tune } from '../lib/drive.mjs';
import { mainThreadCpu } from '../lib/proc.mjs';

const run = (pool, { calls: count, window }) =>
  saturate(pool, 'inc', { count, window, input: (i) => i, right: (value, i) => value === i + 1 });

export default {
  title: "Main-thread CPU: what one call of x + 1 costs the caller's own thread, 1,000 in flight",
  contenders: ['manycore', ...peers, 'raw'],
  params: (quick) => ({ workers: 2, window: 1000, calls: quick ? 5000 : 10_000 }),
  metrics: { cpu: { label: 'main thread, per call', unit: 'µs', better: 'lower' } },
  async setup(pool, params) {
    if (mainThreadCpu() === null) throw new Error('this platform does not tell the CPU time of one thread');
    await pool.load();
    const info = await tune(pool, params.workers, () => run(pool, params));
    pool.start(params.workers, info.settings);
    await run(pool, params);
    await run(pool, params);
    return { info };
  },
  async round(pool, params) {
    const from = mainThreadCpu();
    await run(pool, params);
    return { cpu: (mainThreadCpu() - from) / params.calls };
  },
  goals: [],
};
