import type { Readable } from 'node:stream';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads';
import { type Setup, startData } from '../internal/birth.js';
import { Child, type ChildOptions, signalName } from '../internal/spawn.js';
import type { ToWorker } from './attachments.js';

/** What a worker tells its pool's owner through its port: about what travels beside the bytes. */
export type FromWorker = { readonly parcel: MessagePort } | { readonly want: number };

/** Where a worker runs. */
export interface Body {
  readonly pid: number;
  /** Of a thread that has ended, too. In a child process: its main thread, 0. */
  readonly threadId: number;
  /** Resolves to its exit code, or to the number of a signal less than zero. */
  readonly exited: Promise<number>;
  /** Where what travels beside the bytes goes; a child process gets none of it. */
  readonly port: MessagePort | undefined;
  /** What it prints before its program runs, and what goes past it, if that is piped. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Whether it has ended, as far as can be known while no events arrive. */
  readonly over: boolean;
  /** How it ended, where the system knows it while no events arrive. */
  readonly end: number | undefined;
  /** Ends it, whatever it does. `force`: it was asked before, and did not listen. */
  kill(force: boolean): void;
  /** Frees what it has here. It has ended. */
  dispose(): void;
}

/** A worker thread. */
export class ThreadBody implements Body {
  readonly pid: number = process.pid;
  readonly threadId: number;
  readonly exited: Promise<number>;
  readonly port: MessagePort;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly end: undefined;
  readonly #thread: Worker;

  /**
   * Starts it. `setup` becomes its `workerData`, with its port.
   * @throws what `new Worker` throws
   */
  constructor(program: URL, setup: Setup, options: WorkerOptions, threw: (error: unknown) => void) {
    const { port1, port2 } = new MessageChannel();
    try {
      const workerData = startData({ ...setup, port: port2 });
      this.#thread = new Worker(program, { ...options, workerData, transferList: [port2] });
    } catch (error) {
      port1.close();
      throw error;
    }
    this.threadId = this.#thread.threadId;
    this.stdout = this.#thread.stdout;
    this.stderr = this.#thread.stderr;
    this.#thread.unref();
    this.#thread.on('error', threw);
    this.exited = new Promise((resolve) => this.#thread.once('exit', resolve));
    this.port = port1;
  }

  get over(): boolean {
    // Node says whether there is a port on the other side: all that can be known while no events arrive.
    const heard = this.port.postMessage({ drop: 0 } satisfies ToWorker) as unknown;
    return heard !== true;
  }

  kill(): void {
    void this.#thread.terminate();
  }

  dispose(): void {
    this.port.close();
  }
}

/** A child process. */
export class ChildBody implements Body {
  readonly threadId: number = 0;
  readonly port: undefined;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<number>;
  readonly #child: Child;

  constructor(options: ChildOptions, threw: (error: unknown) => void) {
    this.#child = new Child(options);
    this.stdout = this.#child.process.stdout;
    this.stderr = this.#child.process.stderr;
    this.exited = this.#child.exited.catch((error: unknown) => {
      threw(error);
      return 1;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get end(): number | undefined {
    return this.#child.end;
  }

  get over(): boolean {
    return this.end !== undefined;
  }

  kill(force: boolean): void {
    this.#child.kill(force ? 'SIGKILL' : 'SIGTERM');
  }

  dispose(): void {}
}

/** The name of the signal that an exit code stands for, if it does. */
export function signalOf(exitCode: number | null): NodeJS.Signals | undefined {
  return exitCode !== null && exitCode < 0 ? signalName(-exitCode) : undefined;
}

/** Everything that came through a worker's port. */
export function* received(body: Body): Iterable<FromWorker> {
  while (body.port !== undefined) {
    const message = receiveMessageOnPort(body.port) as { message: FromWorker } | undefined;
    if (message === undefined) return;
    yield message.message;
  }
}
