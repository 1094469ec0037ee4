// What several shapes share: how calls are issued, checked and tuned.

/** Keeps `window` calls in flight until `count` are done; `input(i)` makes an argument, `right(value, i)` checks. */
export async function saturate(pool, name, { count, window, input, right }) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const i = next++;
      if (!right(await pool.call(name, input(i)), i)) throw new Error(`${name}: call ${i} gave a wrong result`);
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane));
  return performance.now() - from;
}

/** Milliseconds that `run` takes. */
export async function time(run) {
  const from = performance.now();
  await run();
  return performance.now() - from;
}

/**
 * Tries every one of `settings` (by default the contender's own) with a pool of its own, twice in turn, and returns the setting whose better
 * trial took least, with all that was tried. `trial(pool)` runs the work and returns milliseconds. A pool whose stop()
 * hangs, as poolifier's destroy() does now and then, is left idle and noted.
 */
export async function tune(pool, workers, trial, settings = pool.constructor.settings) {
  if (settings.length === 1) return { settings: settings[0] };
  const tried = settings.map((candidate) => ({ settings: candidate, ms: Infinity }));
  for (let pass = 0; pass < 2; pass++) {
    for (const candidate of tried) {
      pool.start(workers, candidate.settings);
      await trial(pool);
      candidate.ms = Math.min(candidate.ms, await trial(pool));
      const stopped = await Promise.race([pool.stop().then(() => true), sleep(1000)]);
      if (!stopped) candidate.stopHung = true;
    }
  }
  const best = tried.reduce((a, b) => (b.ms < a.ms ? b : a));
  return { settings: best.settings, tried };
}

/** Tries every number of chunks twice in turn, and returns the best, with all that was tried. */
export async function bestChunks(counts, trial) {
  const tried = counts.map((chunks) => ({ chunks, ms: Infinity }));
  for (let pass = 0; pass < 2; pass++) {
    for (const candidate of tried) candidate.ms = Math.min(candidate.ms, await trial(candidate.chunks));
  }
  return { chunks: tried.reduce((a, b) => (b.ms < a.ms ? b : a)).chunks, tried };
}

/** Small objects as services pass them around. */
export function smallObjects(count) {
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `item ${id}`,
    score: id / 8,
    tags: [`left ${id % 100}`, `right ${id % 7}`],
  }));
}

/** A message for `rendezvous` and `forever`, over memory that is shared. */
export function seats(parties) {
  return { seats: new Int32Array(new SharedArrayBuffer(4)), parties };
}

/** Occupies every worker of the pool once, all at the same time: afterwards each of them has started. */
export async function occupyAll(pool, workers) {
  const message = seats(workers);
  const met = await Promise.all(Array.from({ length: workers }, () => pool.call('rendezvous', message)));
  if (!met.every((value) => value === true)) throw new Error(`not all of the ${workers} workers ran at the same time`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
