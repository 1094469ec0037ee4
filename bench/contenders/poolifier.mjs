import { fileURLToPath } from 'node:url';
import { mapByHand } from './by-hand.mjs';

const script = fileURLToPath(new URL('./workers/poolifier.cjs', import.meta.url));

export default class {
  static group = 'peer';
  static package = 'poolifier';
  static settings = [
    { enableTasksQueue: false },
    { enableTasksQueue: true, tasksQueueOptions: { concurrency: 1 } },
    { enableTasksQueue: true, tasksQueueOptions: { concurrency: 8 } },
  ];
  #FixedThreadPool;
  #pool;

  async load() {
    ({ FixedThreadPool: this.#FixedThreadPool } = await import('poolifier'));
  }

  start(workers, settings) {
    this.#pool = new this.#FixedThreadPool(workers, script, { enableEvents: false, ...settings });
  }

  call(name, arg) {
    return this.#pool.execute(arg, name);
  }

  map(name, items, chunks, join) {
    return mapByHand(this, name, items, chunks, join);
  }

  stop() {
    return this.#pool.destroy();
  }
}
