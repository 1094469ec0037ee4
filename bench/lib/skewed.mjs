import { checkBusy, costs } from './busy.mjs';
import { time, tune } from './drive.mjs';

/**
 * The shapes of CPU-bound items, whose costs in milliseconds `list()` gives. Without a chunk size: manycore's own
 * `map`, for the others one call per item. `ideal` is (sum of the costs) / workers / wall, by the calibration of the whole
 * run; `ofSchedule` compares with a perfect schedule made by hand in the same round, so that a machine whose speed
 * changes meanwhile does not matter.
 */
export function skewed(list) {
  const run = async (pool, { steps, expected }) => {
    let values;
    const ms = await time(async () => {
      values = await pool.map('busy', steps, 0);
    });
    checkBusy(values, expected);
    return ms;
  };
  return {
    params: (_quick, { stepsPerMs }) => ({
      workers: 2,
      stepsPerMs,
      milliseconds: list(),
      ...costs(list(), stepsPerMs),
    }),
    metrics: {
      ideal: { label: 'of ideal', unit: '%', better: 'higher' },
      ofSchedule: { label: 'of a perfect schedule by hand', unit: '%', better: 'higher' },
      wall: { label: 'wall', unit: 'ms', better: 'lower' },
    },
    async setup(pool, params) {
      await pool.load();
      const short = costs(params.milliseconds, params.stepsPerMs / 8);
      const info = await tune(pool, params.workers, () => run(pool, short));
      pool.start(params.workers, info.settings);
      await run(pool, params);
      return { info };
    },
    async round(pool, params) {
      const wall = await run(pool, params);
      const total = params.milliseconds.reduce((sum, ms) => sum + ms, 0);
      return { wall, ideal: (100 * total) / params.workers / wall };
    },
    derive(round) {
      for (const figures of Object.values(round)) {
        if (round.schedule) figures.ofSchedule = (100 * round.schedule.wall) / figures.wall;
      }
    },
  };
}
