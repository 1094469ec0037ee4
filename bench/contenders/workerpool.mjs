import { fileURLToPath } from 'node:url';
import { mapByHand } from './by-hand.mjs';

const script = fileURLToPath(new URL('./workers/workerpool.cjs', import.meta.url));

export default class {
  static group = 'peer';
  static package = 'workerpool';
  static settings = [{ workerType: 'thread' }];
  static processSettings = [{ workerType: 'process' }];
  #lib;
  #pool;

  async load() {
    this.#lib = (await import('workerpool')).default;
  }

  start(workers, settings) {
    this.#pool = this.#lib.pool(script, { minWorkers: workers, maxWorkers: workers, ...settings });
  }

  call(name, arg) {
    return this.#pool.exec(name, [arg]);
  }

  map(name, items, chunks, join) {
    return mapByHand(this, name, items, chunks, join);
  }

  stop() {
    return this.#pool.terminate(true);
  }
}
