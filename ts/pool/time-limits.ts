import { Lane } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Core } from './core.js';

/**
 * Watches the tasks that have a time limit.
 *
 * A limit counts from the task's start, which only its lane knows. So this looks at the lanes: whenever the oldest of
 * the running tasks may be due, and, while none of them runs, once per limit. The cost does not depend on how many
 * calls are pending.
 */
export class TimeLimits {
  readonly #core: Core;
  /** How many pending jobs have which limit. */
  readonly #counts = new Map<number, number>();
  #cancel: (() => void) | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(core: Core) {
    this.#core = core;
  }

  /** A job with a limit of `timeout` milliseconds, or none (Infinity), is pending. */
  add(timeout: number): void {
    if (timeout === Number.POSITIVE_INFINITY) return;
    this.#counts.set(timeout, (this.#counts.get(timeout) ?? 0) + 1);
    this.#lookIn(timeout);
  }

  /** A job with that limit has ended. */
  remove(timeout: number): void {
    if (timeout === Number.POSITIVE_INFINITY) return;
    const count = this.#counts.get(timeout) ?? 0;
    if (count > 1) this.#counts.set(timeout, count - 1);
    else this.#counts.delete(timeout);
  }

  #lookIn(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#at) return;
    this.#cancel?.();
    this.#at = at;
    this.#cancel = this.#core.agenda.in(ms, () => this.#look());
  }

  #look(): void {
    this.#at = Number.POSITIVE_INFINITY;
    let next = Math.min(...this.#counts.keys());
    for (const worker of this.#core.workers) {
      for (const lane of worker.busyLanes()) {
        const job = this.#core.slots.occupant(memory.u32[lane + Lane.slot]);
        const policy = job?.policy;
        if (job === undefined || policy === undefined || policy.timeout === Number.POSITIVE_INFINITY) continue;
        if (memory.u32[lane + Lane.unwanted] === memory.u32[lane + Lane.claim]) continue;
        // A claim that begins between the two readings has not run yet.
        const began = memory.u32[lane + Lane.began];
        const ran = Math.max(0, (native.nowMs() - began) | 0);
        if (ran < policy.timeout) next = Math.min(next, policy.timeout - ran);
        else
          job.timedOut(memory.u32[lane + Lane.current], () => this.#core.stopper.stopLane(worker, lane, policy.grace));
      }
    }
    // At least a millisecond, so that rounding never makes this spin.
    if (this.#counts.size > 0) this.#lookIn(Math.max(1, next));
  }
}
