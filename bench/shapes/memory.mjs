import { peers } from '../contenders/index.mjs';
import { occupyAll, sleep } from '../lib/drive.mjs';
import { resident } from '../lib/proc.mjs';

export default {
  title: 'Memory: RSS per worker, pools of 8 in a fresh process, every worker has run a task',
  contenders: ['manycore', ...peers, 'raw'],
  fresh: true,
  params: () => ({ workers: 8, settleMs: 200 }),
  metrics: {
    overBare: { label: 'per worker, over a bare one', unit: 'MiB', better: 'lower' },
    each: { label: 'per worker', unit: 'MiB', better: 'lower' },
  },
  async round(pool, { workers, settleMs }) {
    await pool.load();
    const before = resident();
    pool.start(workers, pool.constructor.settings[0]);
    await occupyAll(pool, workers);
    await sleep(settleMs);
    return { each: (resident() - before) / workers / 2 ** 20 };
  },
  derive(round) {
    for (const figures of Object.values(round)) {
      if (round.raw) figures.overBare = figures.each - round.raw.each;
    }
  },
  goals: [{ metric: 'overBare', atMost: 2 }],
};
