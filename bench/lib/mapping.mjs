import { flat } from '../contenders/by-hand.mjs';
import { bestChunks, time } from './drive.mjs';

/**
 * The shapes that map one function over many items. `make(count)` builds the input, `right(value, i)` checks. The pools
 * without a `map` are cut by hand into the number of chunks that suits them best, and joined in two ways. The others do
 * the same runs to warm up, whatever the number of chunks.
 */
export function mapping(name, make, right) {
  const run = async (pool, items, chunks, join) => {
    let values;
    const ms = await time(async () => {
      values = await pool.map(name, items, chunks, join);
    });
    if (values.length !== items.length || !values.every(right)) throw new Error('wrong results');
    return ms;
  };
  return {
    metrics: {
      wall: { label: 'whole map', unit: 'ms', better: 'lower' },
      flat: { label: 'whole map, chunks joined by flat() as one usually does', unit: 'ms', better: 'lower' },
    },
    async setup(pool, params) {
      await pool.load();
      pool.start(params.workers, pool.constructor.settings[0]);
      const items = make(params.items);
      const byHand = pool.constructor.group === 'peer';
      await run(pool, items, params.chunkCounts[0]);
      const swept = await bestChunks(params.chunkCounts, (chunks) => run(pool, items, chunks));
      const info = byHand ? swept : {};
      await run(pool, items, info.chunks);
      return { items, byHand, info };
    },
    async round(pool, _params, { items, byHand, info }) {
      const wall = await run(pool, items, info.chunks);
      return { wall, flat: byHand ? await run(pool, items, info.chunks, flat) : wall };
    },
  };
}
