import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./workers/bare-process.cjs', import.meta.url));

/** A Node process that runs one line, writes its result and ends: the least that a child process costs. */
export default class {
  static group = 'baseline';
  static settings = [{}];
  static processSettings = [{}];

  async load() {}

  start() {}

  /** `x + 1`, whatever the name: resolves with the first bytes that the process writes. */
  async call(_name, arg) {
    const child = spawn(process.execPath, [script, String(arg)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [bytes] = await once(child.stdout, 'data');
    return Number(bytes);
  }

  /** Each process ends by itself. */
  async stop() {}
}
