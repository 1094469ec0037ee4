import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../child.mjs', import.meta.url));

/** A process that runs one contender in one shape. A request that takes longer than `limit` ms ends it. */
export class Child {
  #process;
  #answer;
  #limit;

  constructor(shapeName, contenderName, limit = 60_000) {
    this.#limit = limit;
    this.#process = fork(script, [shapeName, contenderName]);
    this.#process.on('message', (message) => this.#answer?.(message));
    this.#process.on('exit', (code, signal) => this.#answer?.({ error: `its process ended (${signal ?? code})` }));
    this.#process.on('error', (error) => this.#answer?.({ error: String(error) }));
  }

  /** Starts it, and resolves once it listens. */
  static async start(shapeName, contenderName, params) {
    const child = new Child(shapeName, contenderName);
    await child.#wait();
    child.info = await child.ask('setup', params);
    return child;
  }

  ask(op, data) {
    const answer = this.#wait();
    this.#process.send({ op, data });
    return answer;
  }

  async end() {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    await this.ask('end');
    this.#answer = undefined;
    this.#process.disconnect();
    await gone;
  }

  kill() {
    this.#answer = undefined;
    this.#process.kill('SIGKILL');
  }

  #wait() {
    return new Promise((resolve, reject) => {
      const watchdog = setTimeout(() => this.#answer({ error: `no answer within ${this.#limit} ms` }), this.#limit);
      this.#answer = ({ value, error }) => {
        clearTimeout(watchdog);
        if (error === undefined) return resolve(value);
        this.kill();
        reject(new Error(error));
      };
    });
  }
}
