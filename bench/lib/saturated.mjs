import { saturate, tune } from './drive.mjs';

/**
 * The saturated shapes: how many calls a second with a window of promises in flight. Each contender makes as many
 * calls in a round as take it about `roundMs`, so that fast and slow ones are measured for as long. `processes`: the
 * workers are child processes.
 */
export function saturated(name, input, right, processes = false) {
  const run = (pool, params, count) => saturate(pool, name, { count, window: params.window, input, right });
  return {
    params: (quick) => ({ workers: 2, window: 1000, roundMs: quick ? 100 : 250, trial: 5000 }),
    metrics: { rate: { label: 'calls', unit: 'k/s', better: 'higher' } },
    async setup(pool, params) {
      await pool.load();
      const { settings, processSettings } = pool.constructor;
      const trial = () => run(pool, params, params.trial);
      const info = await tune(pool, params.workers, trial, processes ? processSettings : settings);
      pool.start(params.workers, info.settings);
      await run(pool, params, params.trial);
      let count = params.trial;
      for (let pass = 0; pass < 3; pass++) {
        count = Math.max(params.trial, Math.round((count * params.roundMs) / (await run(pool, params, count))));
      }
      return { count, info: { ...info, calls: count } };
    },
    round: async (pool, params, { count }) => ({ rate: count / (await run(pool, params, count)) }),
  };
}
