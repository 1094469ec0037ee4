import { peers } from '../contenders/index.mjs';
import { coldMetrics, coldStart } from '../lib/cold.mjs';
import { occupyAll } from '../lib/drive.mjs';

export default {
  title: 'Cold start: a pool of 2 made in a fresh process, until both workers have met inside a task',
  contenders: ['manycore', ...peers, 'raw', 'python', 'python-spawn'],
  fresh: true,
  params: () => ({ workers: 2 }),
  metrics: coldMetrics,
  round: (pool, params) => coldStart(pool, params, occupyAll),
  goals: [{ metric: 'start', against: ['raw'], atLeast: 1 / 1.2 }],
};
