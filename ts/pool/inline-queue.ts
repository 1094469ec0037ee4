/** What waits for its turn. */
export interface Queued {
  /** Whether it is in the queue. */
  queued: boolean;
  /** Whether it has something to start. */
  readonly startable: boolean;
}

/** Taken entries that are kept before their room is given back. */
const KEPT = 1024;

/** First come, first served. What has nothing to start falls out by itself. */
export class InlineQueue<T extends Queued> {
  #entries: T[] = [];
  #head = 0;

  /** Puts `entry` at the end, unless it is in the queue. */
  add(entry: T): void {
    if (entry.queued) return;
    entry.queued = true;
    this.#entries.push(entry);
  }

  /** The first that has something to start. */
  get first(): T | undefined {
    const entries = this.#entries;
    while (this.#head < entries.length) {
      const entry = entries[this.#head];
      if (entry.startable) return entry;
      entry.queued = false;
      this.#head++;
      if (this.#head >= KEPT && this.#head * 2 >= entries.length) {
        entries.splice(0, this.#head);
        this.#head = 0;
      }
    }
    this.clear();
    return undefined;
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
  }
}
