import { fileURLToPath } from 'node:url';
import work from '../work.cjs';
import { mapByHand } from './by-hand.mjs';

const filename = fileURLToPath(new URL('../work.cjs', import.meta.url));
const options = Object.fromEntries(Object.keys(work).map((name) => [name, { name }]));

export default class {
  static group = 'peer';
  static package = 'tinypool';
  static settings = [
    { useAtomics: true, concurrentTasksPerWorker: 1 },
    { useAtomics: true, concurrentTasksPerWorker: 8 },
    { useAtomics: false, concurrentTasksPerWorker: 1 },
    { useAtomics: false, concurrentTasksPerWorker: 8 },
  ];
  static processSettings = [
    { runtime: 'child_process', concurrentTasksPerWorker: 1 },
    { runtime: 'child_process', concurrentTasksPerWorker: 8 },
  ];
  #Tinypool;
  #pool;

  async load() {
    ({ Tinypool: this.#Tinypool } = await import('tinypool'));
  }

  start(workers, settings) {
    this.#pool = new this.#Tinypool({ filename, minThreads: workers, maxThreads: workers, ...settings });
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
