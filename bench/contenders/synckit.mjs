import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./workers/synckit.cjs', import.meta.url));

/** Blocking calls only; it always has one worker. */
export default class {
  static group = 'peer';
  static package = 'synckit';
  static settings = [{}];
  #createSyncFn;
  #run;

  async load() {
    ({ createSyncFn: this.#createSyncFn } = await import('synckit'));
  }

  start() {
    this.#run = this.#createSyncFn(script);
  }

  callSync(name, arg) {
    return this.#run(name, arg);
  }

  /** Its worker is unreferenced and ends with the process: there is nothing to stop. */
  async stop() {}
}
