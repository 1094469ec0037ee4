import type { Readable } from 'node:stream';
import type { Setup } from '../internal/birth.js';
import type { SelfFacts } from '../internal/self.js';
import type { Beside } from '../queues/wire.js';
import type { ProcessOptions } from './options.js';

/** How a child ended, as far as its launcher can tell. */
export interface Ending {
  /** Its exit code; the negative number of a signal that ended it. */
  readonly exitCode: number;
  /** Why it ended, in words. */
  readonly reason: string;
  /** The signal that ended it, such as `SIGSEGV`. */
  readonly signal?: string | undefined;
  /** What nobody in the child has told of: it could not be started, or ran out of memory. */
  readonly error?: unknown;
}

/** What a child is started with. All else it reads from its channel. */
export interface Launch extends Pick<ProcessOptions, 'env' | 'execArgv' | 'resourceLimits'> {
  readonly name: string;
  /** What the child is to know of itself. */
  readonly self: SelfFacts;
  /** The child's end of the channel: the number of the shared object. */
  readonly channel: number;
  /** Its output goes to `stdout` and `stderr` below. */
  readonly piped: boolean;
}

/** How far a child is, as its channel says. */
export type Stage = 'starting' | 'running' | 'over';

/** A child that was started. */
export interface Launched {
  /** The operating system's number of the process that it runs in. */
  readonly pid: number;
  /** Its thread's number; 0 for the main thread of a process of its own. */
  readonly threadId: number;
  /** What it prints, if that is piped. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves when it has ended, as this isolate's event loop learns. */
  readonly ended: Promise<Ending>;
  /**
   * Looks whether it has ended, for a parent that blocks, whose event loop learns nothing. `stage` is what the channel says:
   * a child that has not opened its end, one that has, and one that has closed it, which it does by ending and not before.
   */
  pollEnd(stage: Stage): Ending | undefined;
  /** Ends it, whatever it does. A child process may clean up first. */
  terminate(): void;
  /** Ends it at once. */
  kill(): void;
  /** Whether the system's signals reach it. If not, it has to be told where it has a handler. */
  readonly getsSignals: boolean;
  /** As Ctrl+C does to a child without a handler; with one, if it gets signals. */
  interrupt(): void;
  /** Frees what belongs to it here. It has ended. */
  dispose(): void;
}

/** What a launcher prepares for one child before that is started. */
export interface Preparation {
  /** Takes what bytes cannot carry. */
  readonly beside: Beside;
  /** @throws what the runtime throws at bad options */
  launch(launch: Launch): Launched;
}

/** A way to start children. */
export interface Launcher {
  prepare(): Preparation;
}

/** What the child's program is told by its launcher, before it can read its channel. */
export interface Bootstrap extends Setup {
  /** Its end of the channel. */
  readonly channel: number;
}
