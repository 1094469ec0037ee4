import { MessageChannel, MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { startData } from '../internal/birth.js';
import { packageRoot } from '../internal/here.js';
import { nativePath } from '../internal/native.js';
import { printsBefore } from '../internal/worker-output.js';
import { checkCloneable } from '../pool/attachments.js';
import type { Transferable } from '../pool/options.js';
import type { Beside } from '../queues/wire.js';
import type { Bootstrap, Ending, Launch, Launched, Launcher, Preparation, Stage } from './launcher.js';
import { startError } from './start-error.js';

/** What a thread is given beside its bootstrap. */
export interface ThreadData extends Bootstrap {
  /** It says to the parent that the thread is there, and carries what bytes cannot. */
  readonly port: MessagePort;
  /** What came with the arguments and is not in their bytes. */
  readonly luggage: readonly unknown[];
}

/** What the child sends through its port. */
export type Piece = readonly [id: number, value: unknown];

/** Children in threads of this process. */
export const threadLauncher: Launcher = { prepare: () => new ThreadPreparation() };

class ThreadPreparation implements Preparation {
  readonly #luggage: object[] = [];
  readonly #pieces = new Map<number, unknown>();
  #port: MessagePort | undefined;

  readonly beside: Beside = {
    attach: (value) => {
      if (!(value instanceof MessagePort)) checkCloneable(value);
      return this.#luggage.push(value) - 1;
    },
    attached: (id) => {
      this.#receive();
      const value = this.#pieces.get(id);
      this.#pieces.delete(id);
      return value;
    },
  };

  launch({ name, self, channel, piped, env, execArgv, resourceLimits }: Launch): Launched {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const data: ThreadData = startData({ addon: nativePath, self, channel, port: port2, luggage: this.#luggage });
    const ports = this.#luggage.filter((value): value is MessagePort => value instanceof MessagePort);
    try {
      const thread = new Worker(new URL('bundle/process.cjs', packageRoot()), {
        workerData: data,
        transferList: [port2, ...ports] as Transferable[],
        name,
        argv: process.argv.slice(2),
        ...(piped || !printsBefore(execArgv, env) ? { stdout: true, stderr: true } : {}),
        ...(env === undefined ? {} : { env: env as NodeJS.Dict<string> }),
        ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
        ...(resourceLimits === undefined ? {} : { resourceLimits }),
      });
      return new ThreadChild(thread, port1, piped);
    } catch (error) {
      port1.close();
      throw startError(name, error);
    }
  }

  #receive(): void {
    for (;;) {
      const received = this.#port && (receiveMessageOnPort(this.#port) as { message: Piece } | undefined);
      if (received === undefined) return;
      const [id, value] = received.message;
      this.#pieces.set(id, value);
    }
  }
}

class ThreadChild implements Launched {
  readonly pid: number = process.pid;
  readonly getsSignals: boolean = false;
  readonly threadId: number;
  readonly stdout: Launched['stdout'];
  readonly stderr: Launched['stderr'];
  readonly ended: Promise<Ending>;
  readonly #thread: Worker;
  readonly #port: MessagePort;
  #stopped = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(thread: Worker, port: MessagePort, piped: boolean) {
    this.#thread = thread;
    this.#port = port;
    this.threadId = thread.threadId;
    this.stdout = piped ? thread.stdout : null;
    this.stderr = piped ? thread.stderr : null;
    thread.unref();
    port.unref();
    thread.on('error', (error) => {
      this.#failure ??= { error };
    });
    this.ended = new Promise((resolve) => thread.once('exit', (exitCode) => resolve(this.#describe(exitCode))));
  }

  pollEnd(stage: Stage): Ending | undefined {
    if (stage === 'running' || (stage === 'starting' && !this.#neverRan)) return undefined;
    // Every end that comes from within was told of before.
    if (this.#failure === undefined) return { exitCode: 1, reason: 'out of memory' };
    return this.#describe(1);
  }

  /** It has not begun to run, and never will. */
  get #neverRan(): boolean {
    if (this.#stopped) return true;
    // Node says whether there is a port on the other side: all that can be known of such a thread.
    return (this.#port.postMessage(0) as unknown) !== true;
  }

  terminate(): void {
    this.#stopped = true;
    void this.#thread.terminate();
  }

  kill(): void {
    this.terminate();
  }

  interrupt(): void {
    this.terminate();
  }

  dispose(): void {
    this.#port.close();
  }

  #describe(exitCode: number): Ending {
    if (this.#failure === undefined) return { exitCode, reason: `exit code ${exitCode}` };
    const { error } = this.#failure;
    const oom = (error as { code?: unknown } | null | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
    return { exitCode, reason: oom ? 'out of memory' : 'uncaught error', error };
  }
}
