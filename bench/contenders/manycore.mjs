import { entry } from '../lib/entry.mjs';
import work from '../work.cjs';

export default class {
  static group = 'manycore';
  static settings = [{}];
  #Pool;
  #pool;

  async load() {
    ({ Pool: this.#Pool } = await import(entry));
  }

  start(workers) {
    this.#pool = new this.#Pool(workers);
  }

  call(name, arg) {
    return this.#pool.apply(work[name], [arg]);
  }

  callSync(name, arg) {
    return this.#pool.applySync(work[name], [arg]);
  }

  map(name, items) {
    return this.#pool.map(work[name], items);
  }

  stop() {
    return this.#pool.terminate();
  }
}
