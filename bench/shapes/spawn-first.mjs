import { coldMetrics, coldStart } from '../lib/cold.mjs';

export default {
  title: 'Cold start: a pool of 1 child process made in a fresh process, until its first result',
  contenders: ['manycore', 'bare-process', 'python-spawn'],
  fresh: true,
  params: () => ({ workers: 1, processes: true }),
  metrics: coldMetrics,
  round: (pool, params) =>
    coldStart(pool, params, async () => {
      if ((await pool.call('inc', 41)) !== 42) throw new Error('wrong result');
    }),
  goals: [{ metric: 'start', against: ['bare-process'], atLeast: 1 / 1.3 }],
};
