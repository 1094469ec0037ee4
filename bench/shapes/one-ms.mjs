import { peers } from '../contenders/index.mjs';
import { checkBusy, costs } from '../lib/busy.mjs';
import { time, tune } from '../lib/drive.mjs';
import { mainThreadCpu } from '../lib/proc.mjs';

const run = async (pool, { steps, expected }) => {
  let values;
  const ms = await time(async () => {
    values = await Promise.all(steps.map((count) => pool.call('busy', count)));
  });
  checkBusy(values, expected);
  return ms;
};

export default {
  title: '200 calls of 1 ms of CPU each, where all should tie',
  contenders: ['manycore', ...peers, 'raw'],
  params: (_quick, { stepsPerMs }) => ({ workers: 2, calls: 200, ...costs(new Array(200).fill(1), stepsPerMs) }),
  metrics: {
    ideal: { label: 'of ideal', unit: '%', better: 'higher' },
    cpu: { label: 'main thread, per call', unit: 'µs', better: 'lower' },
  },
  async setup(pool, params) {
    await pool.load();
    const info = await tune(pool, params.workers, () => run(pool, params));
    pool.start(params.workers, info.settings);
    await run(pool, params);
    await run(pool, params);
    return { info };
  },
  async round(pool, params) {
    const from = mainThreadCpu();
    const wall = await run(pool, params);
    const ideal = (100 * params.calls) / params.workers / wall;
    return from === null ? { ideal } : { ideal, cpu: (mainThreadCpu() - from) / params.calls };
  },
  goals: [],
};
