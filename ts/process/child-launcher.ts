import { SHARE_ENV } from 'node:worker_threads';
import { ProcessError } from '../internal/errors.js';
import { packageRoot } from '../internal/here.js';
import { nativePath } from '../internal/native.js';
import { Child, signalName } from '../internal/spawn.js';
import { cannotCross } from '../pool/attachments.js';
import type { Beside } from '../queues/wire.js';
import type { Bootstrap, Ending, Launch, Launched, Launcher } from './launcher.js';
import { startError } from './start-error.js';

/** Children in processes of their own, which share this one's memory. Nothing but bytes and shared objects reaches them. */
export const childLauncher: Launcher = {
  prepare: () => ({ beside: nothing, launch: (launch) => new ChildProcess(launch) }),
};

/** What bytes cannot carry does not reach another process. */
export const nothing: Beside = {
  attach(value) {
    throw cannotCross(value);
  },
  attached: () => undefined,
};

class ChildProcess implements Launched {
  readonly threadId: number = 0;
  readonly getsSignals: boolean = true;
  readonly pid: number;
  readonly stdout: Launched['stdout'];
  readonly stderr: Launched['stderr'];
  readonly ended: Promise<Ending>;
  readonly #child: Child;

  readonly #name: string;

  constructor({ name, self, channel, piped, env, execArgv, resourceLimits }: Launch) {
    this.#name = name;
    const bootstrap: Bootstrap = { addon: nativePath, self, channel };
    const way = piped ? 'pipe' : 'inherit';
    try {
      this.#child = new Child({
        program: new URL('bundle/process.cjs', packageRoot()),
        setup: bootstrap,
        argv: process.argv.slice(2),
        stdio: [way, way],
        env: env === SHARE_ENV ? undefined : env,
        execArgv,
        resourceLimits,
      });
    } catch (error) {
      throw startError(name, error);
    }
    this.pid = this.#child.pid;
    this.stdout = this.#child.process.stdout;
    this.stderr = this.#child.process.stderr;
    this.ended = this.#child.exited.then(describe, (error: unknown) => {
      return this.#notStarted(startError(name, error));
    });
  }

  #notStarted(error: unknown): Ending {
    return { exitCode: 1, reason: 'it could not be started', error };
  }

  pollEnd(): Ending | undefined {
    // Node tells why by an event, which a parent that blocks does not get.
    if (this.pid === 0) return this.#notStarted(new ProcessError(`Process ${this.#name} could not be started`));
    const { end } = this.#child;
    return end === undefined ? undefined : describe(end);
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  dispose(): void {}
}

function describe(exitCode: number): Ending {
  if (exitCode >= 0) return { exitCode, reason: `exit code ${exitCode}` };
  const signal = signalName(-exitCode);
  return { exitCode, reason: `killed by ${signal}`, signal };
}
