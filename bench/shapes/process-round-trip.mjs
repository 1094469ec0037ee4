const us = { unit: 'µs', better: 'lower' };

export default {
  title: 'A round trip between two processes that block: there and back through shared memory',
  contenders: ['manycore'],
  params: (quick) => ({ workers: 1, spins: quick ? 1000 : 5000, waits: quick ? 200 : 1000 }),
  metrics: {
    spin: { label: 'both spin on words of a RawArray', ...us },
    event: { label: 'two Events, waitSync', ...us },
  },
  async setup(pool, { workers, spins, waits }) {
    await pool.load();
    pool.start(workers, pool.constructor.processSettings[0]);
    await pool.bounce('spin', spins);
    await pool.bounce('event', waits);
    return {};
  },
  async round(pool, { spins, waits }) {
    return { spin: (await pool.bounce('spin', spins)) / spins, event: (await pool.bounce('event', waits)) / waits };
  },
  goals: [{ metric: 'spin', atMost: 3 }],
};
