import { shape } from '../shapes/index.mjs';
import { Child } from './child.mjs';
import { sleep } from './drive.mjs';
import { machineCpu } from './proc.mjs';

/** Time for a contender's threads to come to rest before the next one's turn, in milliseconds. */
const rest = 20;

/**
 * Runs one shape: every round runs every contender once, in rotated order. Resolves with the shape, its params and
 * one entry per contender: `{ name, info, rounds: [{ metric: number }], failure }`. `others` is the share of the machine
 * that was busy between the turns, when every contender rests: what other programs took.
 */
export async function runShape(shapeName, { only, rounds, quick, machine }) {
  const work = await shape(shapeName);
  const params = work.params(quick, machine);
  const entries = work.contenders
    .filter((name) => only === null || only.includes(name))
    .map((name) => ({ name, info: {}, rounds: [], failure: null, child: null }));
  const between = { busy: 0, total: 0 };
  const pause = async () => {
    const from = machineCpu();
    await sleep(rest);
    const to = machineCpu();
    between.busy += (to?.busy ?? 0) - (from?.busy ?? 0);
    between.total += (to?.total ?? 0) - (from?.total ?? 0);
  };
  const attempt = async (entry, run) => {
    if (entry.failure !== null) return;
    try {
      await run();
    } catch (error) {
      entry.failure = error.message;
    }
  };

  const open = async (entry) => {
    entry.child = await Child.start(shapeName, entry.name, params);
    entry.info = entry.child.info;
  };
  const measure = async (entry, number) => {
    if (work.fresh) await open(entry);
    entry.rounds[number] = await entry.child.ask('round');
    if (work.fresh) await entry.child.end();
  };

  if (!work.fresh) for (const entry of entries) await attempt(entry, () => open(entry));
  for (let number = 0; number < rounds; number++) {
    if (work.together) {
      await Promise.all(entries.map((entry) => attempt(entry, () => measure(entry, number))));
    } else {
      for (let turn = 0; turn < entries.length; turn++) {
        const entry = entries[(turn + number) % entries.length];
        await attempt(entry, () => measure(entry, number));
        await pause();
      }
    }
    work.derive?.(Object.fromEntries(entries.map((entry) => [entry.name, entry.rounds[number] ?? {}])));
  }
  for (const entry of entries) {
    if (!work.fresh) await attempt(entry, () => entry.child.end());
  }
  const others = between.total === 0 ? null : between.busy / between.total;
  return { work, params, entries, others };
}
