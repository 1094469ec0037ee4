import { StateError } from '../internal/errors.js';
import { type ParentFacts, self } from '../internal/self.js';
import type { WaitOptions } from '../pool/options.js';
import { limit } from '../queues/wait.js';
import { startWait } from '../sync/options.js';
import { Own, Process } from './process.js';

/** What a child knows of its parent's life. */
export interface ParentWatch {
  /** Whether it has ended, as is known now. */
  ended(): boolean;
  readonly end: Promise<void>;
}

let current: Process | undefined;
let parent: ParentProcess | undefined;

/** The process that runs this code is `made`; `watch` knows of its parent. */
export function becomeCurrent(made: Process, watch: ParentWatch): void {
  current = made;
  const facts = self().parent;
  if (facts !== undefined) parent = new ParentProcess(facts, watch);
}

/** The process that runs this code. Python: `multiprocessing.current_process()`. */
export function currentProcess(): Process {
  current ??= new Process(new Own());
  return current;
}

/** The process that started this one; null in the main one. Python: `multiprocessing.parent_process()`. */
export function parentProcess(): ParentProcess | null {
  const facts = self().parent;
  if (parent === undefined && facts !== undefined) parent = new ParentProcess(facts, undefined);
  return parent ?? null;
}

/** What a process knows of the one that started it. */
export class ParentProcess {
  readonly name: string;
  /** The operating system's number of the process that it runs in. */
  readonly pid: number;
  /** The number of its thread; 0 for the main thread. */
  readonly threadId: number;
  readonly #watch: ParentWatch | undefined;

  /** @internal */
  constructor({ name, pid, threadId }: ParentFacts, watch: ParentWatch | undefined) {
    this.name = name;
    this.pid = pid;
    this.threadId = threadId;
    this.#watch = watch;
  }

  /** What tells it from others: the number of its thread or, where that is 0, of its process. */
  get ident(): number {
    return this.threadId || this.pid;
  }

  /** Whether it lives. */
  isAlive(): boolean {
    return this.#watch?.ended() !== true;
  }

  /**
   * Waits until it has ended, or `timeout` has passed. A process ends soon after its parent.
   * @throws StateError in a pool's worker; the reason of an aborted `signal`
   */
  async join(options?: WaitOptions): Promise<void> {
    const { timeout, signal } = startWait(options);
    if (this.#watch === undefined)
      throw new StateError("A pool's worker ends with its parent, and cannot wait for that");
    const over = new AbortController();
    try {
      await Promise.race([this.#watch.end, limit(timeout, signal, over.signal)]);
    } finally {
      over.abort();
    }
  }
}
