import type { Waiting } from './job.js';

/** What a backlog has to know of its pool. */
interface Load {
  /** Tasks that wait or run. */
  readonly pending: number;
  readonly options: { readonly maxPending: number };
}

/** Jobs that wait for room: for a slot, an open range, or a place among the pending tasks. First in, first out. */
export class Backlog {
  readonly #load: Load;
  #items: Waiting[] = [];
  #head = 0;
  /** How many tasks they are, without those that were forgotten. */
  #tasks = 0;

  constructor(load: Load) {
    this.#load = load;
  }

  get #empty(): boolean {
    return this.#items.length === this.#head;
  }

  /** True if a job of one task may start at once. */
  get open(): boolean {
    return this.#empty && this.#load.pending <= this.#load.options.maxPending;
  }

  /** Starts a job now, or as soon as there is room for it. */
  add(waiting: Waiting): void {
    const now = this.#empty && this.#hasRoom(waiting.tasks, this.#load.pending - waiting.tasks);
    if (now && waiting.start()) return;
    this.#items.push(waiting);
    this.#count(waiting);
  }

  /** As `add`, for a part of a call that has started before: ahead of those that have not, and whatever the limit. */
  addFirst(waiting: Waiting): void {
    if (!waiting.start()) this.#putBack(waiting);
  }

  /** Nobody wants the job any more. It counts no longer, and is dropped when its turn comes. */
  forget(waiting: Waiting): void {
    if (!waiting.counted) return;
    waiting.counted = false;
    this.#tasks -= waiting.tasks;
  }

  /** There may be room again. */
  advance(): void {
    while (!this.#empty) {
      const first = this.#items[this.#head];
      const wanted = first.counted === true;
      if (wanted && !this.#hasRoom(first.tasks, this.#load.pending - this.#tasks)) return;
      // Taken out first: what it starts may come back here.
      this.#shift();
      if (!wanted) continue;
      try {
        if (first.start()) continue;
      } catch (error) {
        first.refuse(error);
        continue;
      }
      this.#putBack(first);
      return;
    }
  }

  /** Takes out all that are wanted. */
  clear(): readonly Waiting[] {
    const all = this.#items.slice(this.#head).filter((waiting) => waiting.counted);
    for (const waiting of all) this.forget(waiting);
    this.#items = [];
    this.#head = 0;
    return all;
  }

  /** Whether `tasks` more may start while `started` have. A job that is larger than the limit runs alone. */
  #hasRoom(tasks: number, started: number): boolean {
    return tasks === 0 || started <= 0 || started + tasks <= this.#load.options.maxPending;
  }

  #count(waiting: Waiting): void {
    waiting.counted = true;
    this.#tasks += waiting.tasks;
  }

  #shift(): void {
    this.forget(this.#items[this.#head]);
    this.#head++;
    // The room of those that left is given back once it is half of all.
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  #putBack(waiting: Waiting): void {
    this.#count(waiting);
    if (this.#head > 0) this.#items[--this.#head] = waiting;
    else this.#items.unshift(waiting);
  }
}
