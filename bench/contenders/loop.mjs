import work from '../work.cjs';

/** No workers at all: the calling thread's own `Array.map`. */
export default class {
  static group = 'baseline';
  static settings = [{}];

  async load() {}

  start() {}

  async map(name, items) {
    return items.map(work[name]);
  }

  async stop() {}
}
