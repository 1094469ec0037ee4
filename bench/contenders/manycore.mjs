import { entry } from '../lib/entry.mjs';
import work from '../work.cjs';

export default class {
  static group = 'manycore';
  static settings = [{}];
  static processSettings = [{ context: 'spawn' }];
  #Pool;
  #Queue;
  #SharedArray;
  #lib;
  #pool;
  #queue;

  async load() {
    this.#lib = await import(entry);
    ({ Pool: this.#Pool, Queue: this.#Queue, SharedArray: this.#SharedArray } = this.#lib);
  }

  start(workers, settings) {
    this.#pool = new this.#Pool({ processes: workers, ...settings });
  }

  call(name, arg) {
    return this.#pool.apply(work[name], [arg]);
  }

  callSync(name, arg) {
    return this.#pool.applySync(work[name], [arg]);
  }

  /** So many zeros, which child processes share as well. */
  sharedArray(length) {
    return new this.#SharedArray('d', length);
  }

  map(name, items) {
    return this.#pool.map(work[name], items);
  }

  async move(how, count) {
    // Buffers are large: not all of them are to be on their way at once.
    this.#queue ??= new this.#Queue(how === 'buffers' ? 8 : 0);
    const name = how[0].toUpperCase() + how.slice(1);
    const put = this.#pool.apply(work[`put${name}`], [this.#queue, count]);
    const [, sum] = await Promise.all([put, this.#pool.apply(work[`take${name}`], [this.#queue, count])]);
    return sum;
  }

  /** Microseconds that `count` round trips to a worker take, once it is there. `how` is 'spin' or 'event'. */
  async bounce(how, count) {
    const { Event, RawArray } = this.#lib;
    const ends = how === 'spin' ? [new RawArray('i', 2)] : [new Event(), new Event()];
    const ready = new Event();
    const back = this.#pool.apply(work[`${how}Back`], [ready, count, ...ends]);
    await ready.wait();
    const from = performance.now();
    work[`${how}There`](count, ...ends);
    const elapsed = performance.now() - from;
    await back;
    return elapsed * 1000;
  }

  stop() {
    return this.#pool.terminate();
  }
}
