import { peakResident, resetPeak, resident } from './proc.mjs';

/**
 * The shapes that pass one big Float64Array as the argument. `shared`: over shared memory, so nothing is copied.
 * `processes`: to child processes, and the array is one that they can share.
 */
export function bigArray(shared, processes = false) {
  const run = async (pool, array, calls) => {
    resetPeak();
    const before = resident();
    const from = performance.now();
    for (let i = 0; i < calls; i++) {
      const [length, first, last] = await pool.call('ends', array);
      if (length !== array.length || first !== 1 || last !== array.length) throw new Error('wrong result');
    }
    const wall = (performance.now() - from) / calls;
    return { wall, growth: Math.max(0, peakResident() - before) / 2 ** 20 };
  };
  return {
    params: () => ({ workers: 2, mebibytes: 64, calls: shared ? 20 : 1 }),
    metrics: {
      wall: { label: 'per call', unit: 'ms', better: 'lower' },
      growth: { label: 'growth of RSS at its peak', unit: 'MiB', better: 'lower' },
    },
    async setup(pool, params) {
      const { settings, processSettings } = pool.constructor;
      await pool.load();
      pool.start(params.workers, (processes ? processSettings : settings)[0]);
      const bytes = params.mebibytes * 2 ** 20;
      const plain = () => new Float64Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
      const array = processes ? pool.sharedArray(bytes / 8) : plain();
      for (let i = 0; i < array.length; i++) array[i] = i + 1;
      for (let i = 0; i < 4; i++) await run(pool, array, params.calls);
      return { array };
    },
    round: (pool, params, { array }) => run(pool, array, params.calls),
  };
}
