import { Worker } from 'node:worker_threads';
import work from '../work.cjs';
import { mapByHand } from './by-hand.mjs';

const script = new URL('./workers/raw.cjs', import.meta.url);

/** Bare worker_threads and postMessage, in turn, with no names, no numbering and no errors: the least there can be. */
export default class {
  static group = 'baseline';
  static settings = [{}];
  #workers;
  #waiting;
  #loaded;
  #turn;

  async load() {}

  start(workers) {
    this.#loaded = undefined;
    this.#turn = 0;
    this.#workers = Array.from({ length: workers }, () => new Worker(script));
    this.#waiting = this.#workers.map((worker) => {
      const waiting = { first: null, last: null };
      worker.on('message', (value) => {
        const entry = waiting.first;
        waiting.first = entry.next;
        entry.resolve(value);
      });
      return waiting;
    });
  }

  call(name, arg) {
    const turn = this.#turn;
    this.#turn = (turn + 1) % this.#workers.length;
    return this.callOn(turn, name, arg);
  }

  /** Runs it in the worker of that number. A raw pool runs one function for life: the first. */
  callOn(number, name, arg) {
    if (this.#loaded !== name) this.#send(name);
    this.#workers[number].postMessage(arg);
    const waiting = this.#waiting[number];
    return new Promise((resolve) => {
      const entry = { resolve, next: null };
      if (waiting.first === null) waiting.first = entry;
      else waiting.last.next = entry;
      waiting.last = entry;
    });
  }

  #send(name) {
    if (this.#loaded !== undefined) throw new Error(`this pool runs only ${this.#loaded}`);
    this.#loaded = name;
    for (const worker of this.#workers) worker.postMessage(String(work[name]));
  }

  map(name, items, chunks, join) {
    return mapByHand(this, name, items, chunks, join);
  }

  stop() {
    return Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
