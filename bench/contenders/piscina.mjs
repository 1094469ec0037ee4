import { fileURLToPath } from 'node:url';
import work from '../work.cjs';
import { mapByHand } from './by-hand.mjs';

const filename = fileURLToPath(new URL('../work.cjs', import.meta.url));
const options = Object.fromEntries(Object.keys(work).map((name) => [name, { name }]));

export default class {
  static group = 'peer';
  static package = 'piscina';
  static settings = [
    { atomics: 'sync', concurrentTasksPerWorker: 1 },
    { atomics: 'sync', concurrentTasksPerWorker: 8 },
    { atomics: 'disabled', concurrentTasksPerWorker: 1 },
    { atomics: 'disabled', concurrentTasksPerWorker: 8 },
  ];
  #lib;
  #pool;

  async load() {
    this.#lib = await import('piscina');
  }

  start(workers, settings) {
    const { FixedQueue, Piscina } = this.#lib;
    const fixed = { minThreads: workers, maxThreads: workers, taskQueue: new FixedQueue(), recordTiming: false };
    this.#pool = new Piscina({ filename, ...fixed, ...settings });
    // destroy() under load emits errors for results that come late; without a listener they would end the process.
    this.#pool.on('error', () => {});
  }

  call(name, arg) {
    return this.#pool.run(arg, options[name]);
  }

  map(name, items, chunks, join) {
    return mapByHand(this, name, items, chunks, join);
  }

  stop() {
    return this.#pool.destroy();
  }
}
