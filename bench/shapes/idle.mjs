import { peers } from '../contenders/index.mjs';
import { saturate, sleep } from '../lib/drive.mjs';
import { processCpu } from '../lib/proc.mjs';

const work = (pool, { calls: count }) =>
  saturate(pool, 'inc', { count, window: 100, input: (i) => i, right: (value, i) => value === i + 1 });

export default {
  title: 'Idle: CPU of the whole process in one second, from two seconds after the last call',
  contenders: ['manycore', ...peers, 'raw'],
  together: true,
  params: () => ({ workers: 2, calls: 2000, pauseMs: 2000, watchMs: 1000 }),
  metrics: { cpu: { label: 'CPU in one second', unit: 'ms', better: 'lower' } },
  async setup(pool, params) {
    await pool.load();
    pool.start(params.workers, pool.constructor.settings[0]);
    await work(pool, params);
    return {};
  },
  async round(pool, params) {
    await work(pool, params);
    await sleep(params.pauseMs);
    const from = processCpu();
    await sleep(params.watchMs);
    return { cpu: (processCpu() - from) / 1000 };
  },
  goals: [{ metric: 'cpu', atMost: 1 }],
};
