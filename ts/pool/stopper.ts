import { Lane, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Core } from './core.js';
import type { WorkerHandle } from './worker-handle.js';

/** A worker whose event loop has not turned for so long, in milliseconds, is blocked. */
const BLOCKED_MS = 50;

/** Ends tasks that run: asks them first, and replaces the worker of one that does not listen. */
export class Stopper {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Stops every task of the job in `slot`. */
  stop(slot: number, grace: number): void {
    if (slot === 0 || !this.#core.running) return;
    this.#stopNow(slot, grace);
    if (grace === Number.POSITIVE_INFINITY) return;
    // A worker may have taken the job just now, and not written so into its lane yet: look once more.
    const call = memory.u32[slot * SLOT_WORDS + Slot.call];
    this.#core.agenda.in(Math.max(grace, 1), () => {
      if (memory.u32[slot * SLOT_WORDS + Slot.call] === call) this.#stopNow(slot, grace);
    });
  }

  #stopNow(slot: number, grace: number): void {
    for (const worker of this.#core.workers) {
      for (const lane of worker.busyLanes()) {
        if (memory.u32[lane + Lane.slot] === slot && isWanted(lane)) this.stopLane(worker, lane, grace);
      }
    }
  }

  /** Tells every task of the job in `slot` that nobody wants it any more, and leaves it alone. */
  tell(slot: number): void {
    this.stop(slot, Number.POSITIVE_INFINITY);
  }

  /**
   * Tells the task in a lane that nobody wants it any more. If it still runs after `grace` milliseconds, its worker is
   * replaced, unless that worker's event loop is alive and has other tasks.
   */
  stopLane(worker: WorkerHandle, lane: number, grace: number): void {
    const { u32 } = memory;
    u32[lane + Lane.unwanted] = u32[lane + Lane.claim];
    native.nudge(this.#core.id, worker.seat);
    if (grace !== Number.POSITIVE_INFINITY) this.#watch(worker, lane, grace);
  }

  #watch(worker: WorkerHandle, lane: number, grace: number): void {
    const { beat } = worker;
    const slot = memory.u32[lane + Lane.slot];
    const claim = memory.u32[lane + Lane.claim];
    this.#core.agenda.in(grace, () => {
      if (worker.gone || worker.farewell === 'killed') return;
      if (memory.u32[lane + Lane.slot] !== slot || memory.u32[lane + Lane.claim] !== claim) return;
      const neighbours = [...worker.busyLanes()].filter(isWanted).length;
      if (neighbours === 0 || (worker.beat === beat && grace >= BLOCKED_MS)) {
        this.#core.workers.kill(worker);
      } else {
        native.nudge(this.#core.id, worker.seat);
        this.#watch(worker, lane, Math.max(grace, BLOCKED_MS));
      }
    });
  }
}

/** Whether somebody still waits for the task in a lane. */
const isWanted = (lane: number): boolean => memory.u32[lane + Lane.unwanted] !== memory.u32[lane + Lane.claim];
