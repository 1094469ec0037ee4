import { peers } from '../contenders/index.mjs';
import { coldMetrics, coldStart } from '../lib/cold.mjs';

export default {
  title: 'Cold start: a pool of 2 made in a fresh process, until its first result',
  contenders: ['manycore', ...peers, 'raw', 'python', 'python-spawn'],
  fresh: true,
  params: () => ({ workers: 2 }),
  metrics: coldMetrics,
  round: (pool, params) =>
    coldStart(pool, params, async () => {
      if ((await pool.call('inc', 41)) !== 42) throw new Error('wrong result');
    }),
  goals: [{ metric: 'start', against: ['raw'], atLeast: 1 / 1.2 }],
};
