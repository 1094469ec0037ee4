import Raw from './raw.mjs';

/** Bare worker_threads given a hand-made schedule that knows every item's cost beforehand: what ideal costs here. */
export default class {
  static group = 'baseline';
  static settings = [{}];
  #raw = new Raw();
  #workers;

  async load() {}

  start(workers) {
    this.#workers = workers;
    this.#raw.start(workers);
  }

  /** The items are their own costs: the dearest first, each to the worker that has the least so far. */
  async map(name, items) {
    const loads = Array.from({ length: this.#workers }, () => ({ cost: 0, indexes: [] }));
    const order = Array.from(items.keys()).sort((a, b) => items[b] - items[a]);
    for (const index of order) {
      const least = loads.reduce((a, b) => (b.cost < a.cost ? b : a));
      least.cost += items[index];
      least.indexes.push(index);
    }
    const results = new Array(items.length);
    const run = async ({ indexes }, number) => {
      const list = indexes.map((index) => items[index]);
      const values = await this.#raw.callOn(number, `${name}Chunk`, list);
      for (const [at, index] of indexes.entries()) results[index] = values[at];
    };
    await Promise.all(loads.map(run));
    return results;
  }

  stop() {
    return this.#raw.stop();
  }
}
