import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../python/pool.py', import.meta.url));

/** CPython's multiprocessing.Pool with the platform's own start method. It times itself and prints JSON. */
export default class Python {
  static group = 'baseline';
  static external = true;
  #child;
  #lines;

  /** The start method, or null for the platform's own. */
  get method() {
    return null;
  }

  async load(shape, params) {
    this.#child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(this.#child, 'spawn');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    return this.#ask({ op: 'setup', shape, method: this.method, params });
  }

  round() {
    return this.#ask({ op: 'round' });
  }

  async stop() {
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exited;
  }

  async #ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the Python process ended early');
    return JSON.parse(value);
  }
}
