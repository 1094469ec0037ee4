import { time } from './drive.mjs';

/** What all values together make: the numbers from 0 up, or buffers of which one byte is 7. */
const sums = { numbers: (count) => (count * (count - 1)) / 2, buffers: (count) => count * 7 };

/**
 * The shapes that move values from one thread to another. `how` is 'each' (numbers, one by one), 'many' (numbers, 1,000 at
 * a time where the contender can) or 'buffers' (1 MiB each). A contender's `move(how, count)` resolves with their sum.
 */
export function moving(how, { unit, factor, count, quickCount }) {
  const move = async (pool, items) => {
    let sum;
    const ms = await time(async () => {
      sum = await pool.move(how, items);
    });
    if (sum !== sums[how === 'buffers' ? 'buffers' : 'numbers'](items)) throw new Error('values were lost');
    return ms;
  };
  return {
    params: (quick) => ({ workers: 2, items: quick ? quickCount : count }),
    metrics: { rate: { label: 'from one thread to the other', unit, better: 'higher' } },
    async setup(pool, { workers, items }) {
      await pool.load();
      pool.start(workers, pool.constructor.settings[0]);
      for (let pass = 0; pass < 2; pass++) await move(pool, items);
      return {};
    },
    round: async (pool, { items }) => ({ rate: (items * factor) / (await move(pool, items)) }),
  };
}
