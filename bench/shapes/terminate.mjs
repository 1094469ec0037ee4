import { peers } from '../contenders/index.mjs';
import { occupyAll, seats, sleep } from '../lib/drive.mjs';

/** Ends the pool by force: when the last of `pending` was settled, and when `stop()` was; `capMs` if it was not. */
async function end(pool, pending, capMs) {
  const from = performance.now();
  let open = pending.length;
  const settled = new Promise((resolve) => {
    const one = () => --open === 0 && resolve(performance.now() - from);
    for (const promise of pending) promise.then(one, one);
    if (open === 0) resolve(0);
  });
  const resolved = pool.stop().then(() => performance.now() - from);
  const cap = sleep(capMs).then(() => capMs);
  return Promise.all([Promise.race([settled, cap]), Promise.race([resolved, cap])]);
}

export default {
  title: 'terminate(): until every call is settled, and until it resolves itself',
  contenders: ['manycore', ...peers],
  fresh: true,
  params: (_quick, { stepsPerMs }) => ({ workers: 2, queued: 10_000, steps: stepsPerMs, capMs: 1500 }),
  metrics: {
    queuedSettled: { label: '10,000 queued: all settled', unit: 'ms', better: 'lower' },
    queuedResolved: { label: '10,000 queued: resolved', unit: 'ms', better: 'lower' },
    busySettled: { label: 'endless loops running: all settled', unit: 'ms', better: 'lower' },
    busyResolved: { label: 'endless loops running: resolved', unit: 'ms', better: 'lower' },
    idleResolved: { label: 'idle: resolved', unit: 'ms', better: 'lower' },
  },
  async round(pool, { workers, queued, steps, capMs }) {
    await pool.load();
    const fresh = async () => {
      pool.start(workers, pool.constructor.settings[0]);
      await occupyAll(pool, workers);
    };

    await fresh();
    const [, idleResolved] = await end(pool, [], capMs);

    await fresh();
    const waiting = Array.from({ length: queued }, () => pool.call('busy', steps));
    const [queuedSettled, queuedResolved] = await end(pool, waiting, capMs);

    await fresh();
    const message = seats(workers);
    const running = Array.from({ length: workers }, () => pool.call('forever', message));
    while (Atomics.load(message.seats, 0) < workers) await sleep(1);
    const [busySettled, busyResolved] = await end(pool, running, capMs);

    return { idleResolved, queuedSettled, queuedResolved, busySettled, busyResolved };
  },
  goals: [
    { metric: 'queuedSettled', atMost: 100 },
    { metric: 'busySettled', atMost: 100 },
    { metric: 'queuedResolved', atMost: 200 },
    { metric: 'busyResolved', atMost: 200 },
    { metric: 'idleResolved', atMost: 200 },
  ],
};
