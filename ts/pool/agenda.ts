import { Timer } from '../internal/timer.js';

/** Something to be done at a time. */
interface Entry {
  readonly at: number;
  readonly run: () => void;
}

/**
 * What a pool has to do later: time limits, grace periods, pauses before a retry.
 *
 * A list of its own and one timer, rather than a timer each: while the owner blocks in a `*Sync` call no timer fires,
 * so the waiting loop calls {@link Agenda.poll} instead.
 */
export class Agenda {
  /** What is not done yet, and not forgotten. */
  readonly #entries = new Set<Entry>();
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** Runs `run` in `ms` milliseconds. Answers a function that forgets it. */
  in(ms: number, run: () => void): () => void {
    const entry: Entry = { at: performance.now() + ms, run };
    this.#entries.add(entry);
    if (entry.at < this.#timerAt) this.#arm();
    return () => void this.#entries.delete(entry);
  }

  /** Runs what is due. What one of them throws is thrown, and the others stay due. */
  poll(): void {
    if (this.#entries.size === 0) return;
    const now = performance.now();
    const due: Entry[] = [];
    for (const entry of this.#entries) if (entry.at <= now) due.push(entry);
    try {
      // One that has run may have had others forgotten.
      for (const entry of due.sort((a, b) => a.at - b.at)) if (this.#entries.delete(entry)) entry.run();
    } finally {
      this.#arm();
    }
  }

  /** Milliseconds until the next entry is due. */
  next(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) at = Math.min(at, entry.at);
    return at === Number.POSITIVE_INFINITY ? at : Math.max(0, at - performance.now());
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
    this.#arm();
  }

  #arm(): void {
    const ms = this.next();
    const at = performance.now() + ms;
    if (ms === Number.POSITIVE_INFINITY) {
      this.#timer?.clear();
      this.#timer = undefined;
      this.#timerAt = Number.POSITIVE_INFINITY;
    } else if (this.#timer === undefined || at < this.#timerAt - 0.5) {
      this.#timer?.clear();
      this.#timerAt = at;
      // Pending calls keep Node alive; the timer need not.
      this.#timer = new Timer(Math.ceil(ms), this.#onTimer).unref();
    }
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.poll();
  };
}
