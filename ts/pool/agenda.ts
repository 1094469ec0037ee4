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
  #entries: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** Runs `run` in `ms` milliseconds. Answers a function that forgets it. */
  in(ms: number, run: () => void): () => void {
    const entry: Entry = { at: performance.now() + ms, run };
    this.#entries.push(entry);
    if (entry.at < this.#timerAt) this.#arm();
    return () => {
      const index = this.#entries.indexOf(entry);
      if (index >= 0) this.#entries.splice(index, 1);
    };
  }

  /** Runs what is due. */
  poll(): void {
    if (this.#entries.length === 0) return;
    const now = performance.now();
    const due = this.#entries.filter((entry) => entry.at <= now);
    if (due.length > 0) {
      this.#entries = this.#entries.filter((entry) => entry.at > now);
      for (const entry of due.sort((a, b) => a.at - b.at)) entry.run();
    }
    this.#arm();
  }

  /** Milliseconds until the next entry is due. */
  next(): number {
    if (this.#entries.length === 0) return Number.POSITIVE_INFINITY;
    let at = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries) at = Math.min(at, entry.at);
    return Math.max(0, at - performance.now());
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries = [];
    this.#arm();
  }

  #arm(): void {
    const ms = this.next();
    const at = performance.now() + ms;
    if (ms === Number.POSITIVE_INFINITY) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#timerAt = Number.POSITIVE_INFINITY;
    } else if (this.#timer === undefined || at < this.#timerAt - 0.5) {
      clearTimeout(this.#timer);
      this.#timerAt = at;
      // Pending calls keep Node alive; the timer need not.
      this.#timer = setTimeout(
        () => {
          this.#timer = undefined;
          this.#timerAt = Number.POSITIVE_INFINITY;
          this.poll();
        },
        Math.min(Math.ceil(ms), 0x7fffffff),
      ).unref();
    }
  }
}
