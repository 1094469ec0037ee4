import type { Waiting } from './job.js';

/** Jobs that wait for room, first in, first out. */
export class Backlog {
  #items: Waiting[] = [];
  #head = 0;
  /** How many tasks they are. */
  tasks = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Waiting | undefined {
    return this.#items[this.#head];
  }

  push(waiting: Waiting): void {
    this.#items.push(waiting);
    this.tasks += waiting.tasks;
  }

  /** Takes out the first. */
  shift(): void {
    this.tasks -= this.#items[this.#head].tasks;
    this.#head++;
    // The room of those that left is given back once it is half of all.
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Puts one back to the front. */
  unshift(waiting: Waiting): void {
    this.tasks += waiting.tasks;
    if (this.#head > 0) this.#items[--this.#head] = waiting;
    else this.#items.unshift(waiting);
  }

  /** Takes out all. */
  clear(): readonly Waiting[] {
    const all = this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    this.tasks = 0;
    return all;
  }
}
