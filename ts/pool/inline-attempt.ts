import { TimeoutError } from '../internal/errors.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { isThenable } from '../internal/thenable.js';
import { type CurrentTask, runAs } from './current-task.js';
import type { InlineCall } from './inline-call.js';

/** Inline tasks see themselves as those of a pool's first worker. */
const WORKER_ID = 1;

/** One attempt at one task of a call. */
export class InlineAttempt {
  /** Index of the task within what its call was given. */
  readonly index: number;
  /** 1 at first. */
  readonly number: number;
  /** The task is to run again, after so many milliseconds, once this attempt is over. */
  again: number | undefined;
  readonly #call: InlineCall;
  readonly #began = performance.now();
  /** Nobody waits for it any more. */
  #stopped = false;
  /** The function has ended; or it has not, and was given up. */
  #over = false;
  #controller: AbortController | undefined;
  /** Forgets the time limit, or the grace period. */
  #forget: (() => void) | undefined;

  constructor(call: InlineCall, index: number, number: number) {
    this.#call = call;
    this.index = index;
    this.number = number;
  }

  /** Runs the function, until its end if it is synchronous. */
  start(): void {
    let value: unknown;
    let thrown: { error: unknown } | undefined;
    try {
      value = this.#call.fn.use((fn) => this.#run(fn));
      if (isThenable(value)) {
        this.#await(value);
        return;
      }
    } catch (error) {
      thrown = { error };
    }
    this.#expireIfDue();
    if (thrown === undefined) this.#returned(value);
    else this.#threw(thrown.error);
  }

  /** Tells the task that nobody waits for it. If it does not end within the grace period, others may start. */
  stop(): void {
    if (this.#stopped || this.#over) return;
    this.#stopped = true;
    this.#forget?.();
    const { engine, grace } = this.#call;
    this.#forget = engine.agenda.in(grace, () => {
      this.#leave();
      this.#call.attemptOver(this);
    });
    this.#controller?.abort(stopReason());
  }

  get #elapsed(): number {
    return performance.now() - this.#began;
  }

  #run(fn: AnyFunction): unknown {
    // It was stopped while its module was being imported.
    if (this.#stopped) return undefined;
    const args = this.#call.inputs.args(this.index);
    return runAs(this.#describe(), () => fn(...args));
  }

  #await(value: PromiseLike<unknown>): void {
    const { engine, timeout } = this.#call;
    if (!this.#stopped && timeout !== Number.POSITIVE_INFINITY) {
      this.#forget = engine.agenda.in(timeout - this.#elapsed, () => this.#expire());
    }
    Promise.resolve(value).then(
      (result) => this.#returned(result),
      (error: unknown) => this.#threw(error),
    );
  }

  #returned(value: unknown): void {
    if (this.#over) return;
    this.#leave();
    if (this.#stopped) this.#call.attemptOver(this);
    else this.#call.returned(this, value);
  }

  #threw(error: unknown): void {
    if (this.#over) return;
    this.#leave();
    if (this.#stopped) this.#call.attemptOver(this);
    else this.#call.threw(this, error);
  }

  #leave(): void {
    this.#over = true;
    this.#forget?.();
    const { id, first } = this.#call;
    this.#call.left(this, { id, index: first + this.index, workerId: WORKER_ID, time: this.#elapsed });
  }

  #expire(): void {
    if (this.#stopped || this.#over) return;
    this.stop();
    this.#call.timedOut(this);
  }

  /** A synchronous task cannot be interrupted; that it took too long is seen when it asks, or at its end. */
  #expireIfDue(): void {
    if (this.#elapsed >= this.#call.timeout) this.#expire();
  }

  #describe(): CurrentTask {
    const attempt = this;
    const call = this.#call;
    return {
      id: call.id,
      attempt: this.number,
      workerId: WORKER_ID,
      index: call.first + this.index,
      state: call.engine.state,
      get signal() {
        return attempt.#signal();
      },
      cancelled: () => {
        if (!this.#over) this.#expireIfDue();
        return this.#over || this.#stopped;
      },
      report: (value) => {
        if (!this.#over) call.report(this, value);
      },
    };
  }

  #signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped) this.#controller.abort(stopReason());
    }
    return this.#controller.signal;
  }
}

/** What a task's signal says in a worker, too. */
const stopReason = () => new TimeoutError('The task timed out or was cancelled');
