import { Kind, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Core } from './core.js';
import { Counts, type PoolStats, type WorkerInfo, type WorkerStats } from './stats.js';
import { infoOf, type WorkerHandle } from './worker-handle.js';

/** What the workers of a pool counted, those that are gone too. */
export class Tally {
  readonly #core: Core;
  /** Of the workers that are gone. */
  readonly #past = new Counts();

  constructor(core: Core) {
    this.#core = core;
  }

  /** A worker is gone; its counters are still there. */
  keep(worker: WorkerHandle): void {
    this.#past.add(native.counters(this.#core.id, worker.seat), worker.seat + 1);
  }

  /** The workers that take tasks, or will. */
  workerInfos(): readonly WorkerInfo[] {
    return [...this.#core.workers].filter((worker) => !worker.gone && worker.farewell === undefined).map(infoOf);
  }

  describePending(): readonly string[] {
    const { slots, functions } = this.#core;
    const calls = new Set<string>();
    for (const { slot } of slots.occupants()) {
      const [fn, kind] = [memory.u32[slot * SLOT_WORDS + Slot.fn], memory.u32[slot * SLOT_WORDS + Slot.kind]];
      calls.add(`${(kind & 0xff) === Kind.range ? 'map' : 'apply'}(\`${functions.nameOf(fn)}\`)`);
    }
    return [...calls];
  }

  stats(): PoolStats {
    const { completed, failed, pending, restarts } = this.#core;
    const counts = this.#past.copy();
    const workers: WorkerStats[] = [];
    let running = 0;
    for (const worker of this.#core.running ? this.#core.workers : []) {
      if (worker.gone) continue;
      const totals = counts.add(native.counters(this.#core.id, worker.seat), worker.seat + 1);
      running += worker.farewell === 'killed' ? 0 : [...worker.busyLanes()].length;
      if (worker.farewell === undefined) workers.push(statsOf(worker, totals));
    }
    const { stolen, waitTime, runTime, slowest } = counts;
    return { completed, failed, pending, running, stolen, restarts, workers, waitTime, runTime, slowest };
  }
}

function statsOf(worker: WorkerHandle, [completed, stolen, workingNs, waitingNs]: readonly number[]): WorkerStats {
  return {
    id: worker.seat + 1,
    pid: worker.body.pid,
    threadId: worker.body.threadId,
    completed,
    stolen,
    startUp: worker.bootMs,
    init: worker.initMs,
    working: workingNs / 1e6,
    waiting: waitingNs / 1e6,
  };
}
