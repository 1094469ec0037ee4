import { CONTROL_WORDS, Control, LANE_WORDS, Lane, payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { type Body, signalOf } from './body.js';
import { inbox } from './inbox.js';
import { Printed } from './printed.js';
import type { WorkerInfo } from './stats.js';

/** How a worker ended. */
export interface Ending {
  readonly exitCode: number | null;
  /** The signal that ended it, if one did. */
  readonly signal?: NodeJS.Signals;
  /** Why, in words. */
  readonly reason: string;
  /** What it threw outside any task, or why it could not be started. */
  readonly error: unknown;
}

/** The reason of one that the system did not start. */
export const NOT_STARTED = 'it could not be started';

/** One worker of a pool, from its start until its thread or process has ended. */
export class WorkerHandle {
  readonly seat: number;
  readonly body: Body;
  readonly control: number;
  readonly startedAt: number = native.nowMs();
  /** Why it is meant to end, once it is. */
  farewell: 'dismissed' | 'killed' | undefined;
  /** Its tasks have been accounted for; it takes no more. */
  gone = false;
  ready = false;
  bootMs = 0;
  initMs = 0;
  ending: Ending | undefined;
  /** It died while it ran tasks. */
  hadTasks = false;
  /** What waits for the reason of its end. */
  readonly mourners: Array<(ending: Ending) => void> = [];
  readonly #block: number;
  #path = 0;
  #error: unknown;
  #failed = false;
  /** What it attached to results. */
  readonly received = new Map<number, unknown>();
  /** What it prints, where that is to be read. */
  readonly printed: Printed | undefined;
  /** Its place in the pool's list of CPUs. */
  readonly place: number | undefined;

  /** `start` starts it; what it throws outside any task goes to the given function. */
  constructor(
    { seat, place, piped }: { readonly seat: number; readonly place: number | undefined; readonly piped: boolean },
    block: number,
    start: (threw: (error: unknown) => void) => Body,
  ) {
    this.seat = seat;
    this.place = place;
    this.#block = block;
    this.control = payloadOf(block);
    this.body = start((error) => {
      // What it told by itself comes first.
      inbox.drain();
      this.threw(error);
    });
    this.printed = piped ? new Printed(this.body) : undefined;
  }

  /** Tells it where what it prints goes. */
  printTo(path: string): void {
    const bytes = Buffer.from(path);
    this.#path = memory.store(bytes, bytes.length);
    const at = this.control / 4;
    memory.u32[at + Control.pathBytes] = bytes.length;
    Atomics.store(memory.u32, at + Control.path, this.#path);
  }

  /** It ends with an error. Who is told first has the error nearest to what was thrown. */
  threw(error: unknown): void {
    if (this.#failed) return;
    this.#error = error;
    this.#failed = true;
  }

  /** The word of the control block. */
  word(at: number): number {
    return memory.u32[this.control / 4 + at];
  }

  /** Counts the turns of its event loop that manycore asked for. */
  get beat(): number {
    return this.word(Control.beat);
  }

  /** Index of a lane's first word. */
  lane(lane: number): number {
    return this.control / 4 + CONTROL_WORDS + lane * LANE_WORDS;
  }

  /** Whether it can be given a task now. */
  get takesTasks(): boolean {
    return this.ready && !this.gone && this.farewell === undefined;
  }

  /** The lanes that have a task, as indices of their first words. */
  *busyLanes(): Iterable<number> {
    if (this.gone) return;
    for (let lane = 0, used = this.word(Control.lanes); lane < used; lane++) {
      const at = this.lane(lane);
      if (memory.u32[at + Lane.slot] !== 0) yield at;
    }
  }

  /** Whether the system has started it. */
  get started(): boolean {
    return this.body.pid !== 0;
  }

  /** How it ended, as far as it can be known now. */
  describeEnd(exitCode: number | null): Ending {
    exitCode ??= this.body.end ?? null;
    if (!this.started) return { exitCode, reason: NOT_STARTED, error: this.#error };
    if (this.farewell === 'killed') return { exitCode, reason: 'terminated by the pool', error: undefined };
    const error = this.#error;
    if (this.#failed) {
      const oom = (error as { code?: unknown } | null | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
      return { exitCode, reason: oom ? 'out of memory' : 'uncaught error', error };
    }
    const signal = signalOf(exitCode);
    if (signal !== undefined) return { exitCode, signal, reason: `killed by ${signal}`, error: undefined };
    if (exitCode === null) {
      // Every other end that comes from within leads past the worker's own hook.
      if (this.word(Control.exited) === 0) return { exitCode: 1, reason: 'out of memory', error: undefined };
      exitCode = memory.i32[this.control / 4 + Control.exitCode];
    }
    return { exitCode, reason: `process.exit(${exitCode})`, error: undefined };
  }

  /** Whether it has ended without ever sitting down. */
  get neverSat(): boolean {
    return this.word(Control.seated) === 0 && this.body.over;
  }

  /** Whether it threw something outside any task. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Frees what it had in the region. It has ended. */
  dispose(): void {
    native.free(this.#block);
    if (this.#path !== 0) native.free(this.#path);
    this.printed?.end();
    this.body.dispose();
  }
}

/** A worker, for the pool's users. */
export function infoOf(worker: WorkerHandle): WorkerInfo {
  const { body, ready, printed } = worker;
  const { pid, threadId } = body;
  return {
    id: worker.seat + 1,
    pid,
    threadId,
    ready,
    stdout: printed?.stdout ?? null,
    stderr: printed?.stderr ?? null,
  };
}

/** An ending in words. */
export function describeEnding(ending: Ending): string {
  return ending.error === undefined ? ending.reason : `${ending.reason}: ${messageOf(ending.error)}`;
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
