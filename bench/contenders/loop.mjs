import work from '../work.cjs';

/** No workers at all: the calling thread's own `Array.map`, and its own copying. */
export default class {
  static group = 'baseline';
  static settings = [{}];

  async load() {}

  start() {}

  async map(name, items) {
    return items.map(work[name]);
  }

  /** The buffers go nowhere: each is copied once, into a new one, as who receives it needs one. */
  async move(_how, count) {
    const from = new Uint8Array(1 << 20).fill(7);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += from.slice()[0];
    return sum;
  }

  async stop() {}
}
