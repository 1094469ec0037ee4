import Raw from '../contenders/raw.mjs';
import work from '../work.cjs';

/**
 * How many steps of `busy` are one millisecond while two threads run it at the same time: the fastest of `trials`, which
 * other programs disturbed least.
 */
export async function calibrate(trials) {
  const pool = new Raw();
  pool.start(2);
  const steps = 5_000_000;
  const expected = work.busy(steps);
  let fastest = 0;
  for (let trial = -3; trial < trials; trial++) {
    const from = performance.now();
    const values = await Promise.all([pool.call('busy', steps), pool.call('busy', steps)]);
    if (values.some((value) => value !== expected)) throw new Error('busy gave a wrong result');
    if (trial >= 0) fastest = Math.max(fastest, steps / (performance.now() - from));
  }
  await pool.stop();
  return Math.round(fastest);
}

/** The steps of each item, from the milliseconds that it shall take, and what `busy` returns for them. */
export function costs(milliseconds, stepsPerMs) {
  const steps = milliseconds.map((ms) => Math.round(ms * stepsPerMs));
  const known = new Map();
  for (const count of steps) if (!known.has(count)) known.set(count, work.busy(count));
  return { steps, expected: steps.map((count) => known.get(count)) };
}

/** Throws unless the results are what `busy` returns. */
export function checkBusy(values, expected) {
  if (values.length !== expected.length || values.some((value, i) => value !== expected[i])) {
    throw new Error('busy gave wrong results');
  }
}
