import { TimeoutError } from '../internal/errors.js';
import { offAbort, onAbort } from '../internal/signals.js';
import type { Running } from './engine.js';
import type { InlineEngine } from './inline.js';
import { InlineAttempt } from './inline-attempt.js';
import type { InlineFunction } from './inline-function.js';
import type { InlineInputs } from './inline-inputs.js';
import type { Queued } from './inline-queue.js';
import { outside } from './outside.js';
import { type Consequence, consequence, type Policy } from './policy.js';
import type { RangeSink } from './range-job.js';
import type { SlowTask } from './stats.js';

/** Who gets a call's results, one by one. */
export type InlineSink = Omit<RangeSink, 'numbers' | 'values'>;

/** What a call is made of. */
export interface InlinePlan {
  /** Number of the call, from 1 up. */
  readonly id: number;
  readonly fn: InlineFunction;
  readonly inputs: InlineInputs;
  readonly policy: Policy | undefined;
  /** Index of the first task within the caller's call. */
  readonly first: number;
  readonly sink: InlineSink;
}

/** A call of an inline pool: one task or many. */
export class InlineCall implements Running, Queued {
  readonly engine: InlineEngine;
  readonly id: number;
  readonly fn: InlineFunction;
  readonly inputs: InlineInputs;
  readonly first: number;
  queued = false;
  readonly #policy: Policy | undefined;
  readonly #sink: InlineSink;
  readonly #calledAt = performance.now();
  readonly #attempts = new Set<InlineAttempt>();
  /** The first task that has not begun. */
  #next = 0;
  /** Tasks that are to run again, and in which attempt. */
  readonly #again: Array<{ index: number; number: number }> = [];
  /** Tasks in the pause before another attempt. */
  #pausing = 0;
  #unsettled: number;
  #ended = false;

  constructor(engine: InlineEngine, plan: InlinePlan) {
    this.engine = engine;
    this.id = plan.id;
    this.fn = plan.fn;
    this.inputs = plan.inputs;
    this.first = plan.first;
    this.#policy = plan.policy;
    this.#sink = plan.sink;
    this.#unsettled = plan.inputs.count;
    onAbort(this.#policy?.signal, this.#onAbort);
  }

  get timeout(): number {
    return this.#policy?.timeout ?? Number.POSITIVE_INFINITY;
  }

  get grace(): number {
    return this.#policy?.grace ?? this.engine.options.grace;
  }

  /** How many tasks may be in flight for one of this call to start. */
  get concurrency(): number {
    return this.#policy?.concurrency ?? this.engine.options.concurrency;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get startable(): boolean {
    return !this.#ended && (this.#next < this.inputs.count || this.#again.length > 0);
  }

  /** Whether all that it waits for is the pause before another attempt. */
  get pausing(): boolean {
    return this.#pausing > 0 && this.#attempts.size === 0;
  }

  /** Starts the next task; a synchronous one has ended when this returns. */
  startNext(): void {
    if (this.#next === 0) this.engine.tally.waited(performance.now() - this.#calledAt);
    const fresh = this.#next < this.inputs.count;
    const task = fresh ? { index: this.#next++, number: 1 } : this.#again.shift();
    if (task === undefined) return;
    const attempt = new InlineAttempt(this, task.index, task.number);
    this.#attempts.add(attempt);
    this.engine.inFlight++;
    attempt.start();
  }

  abort(reason: unknown): void {
    if (this.#ended) return;
    for (const attempt of [...this.#attempts]) attempt.stop();
    this.engine.tally.failed += this.#unsettled;
    this.refuse(reason);
  }

  refuse(error: unknown): void {
    if (this.#ended) return;
    const left = this.#unsettled;
    this.#end();
    this.engine.finished(left);
    outside(() => this.#sink.failed(error));
  }

  readonly #onAbort = (): void => this.abort(this.#policy?.signal?.reason);

  // -------------------------------------------------------------------------------------- from attempts

  returned(attempt: InlineAttempt, value: unknown): void {
    if (this.#ended) return;
    let arrived: unknown;
    try {
      arrived = this.engine.wire.result(value);
    } catch (unsendable) {
      this.#failed(attempt, unsendable);
      return;
    }
    this.engine.tally.completed++;
    this.#settle(() => this.#sink.value(attempt.index, arrived));
  }

  threw(attempt: InlineAttempt, error: unknown): void {
    if (!this.#ended) this.#failed(attempt, this.engine.wire.thrown(error));
  }

  /** The attempt has run for longer than it may. It has been stopped, and may still run. */
  timedOut(attempt: InlineAttempt): void {
    if (this.#ended) return;
    const which = this.inputs.count === 1 ? 'The task' : `Task ${this.first + attempt.index}`;
    const error = new TimeoutError(`${which} took longer than ${this.timeout} ms`);
    const next = this.#consequence(attempt.number, error);
    if ('pause' in next) attempt.again = next.pause;
    else this.#fail(attempt.index, next.error);
  }

  /** An attempt that was stopped is over. */
  attemptOver(attempt: InlineAttempt): void {
    if (attempt.again !== undefined && !this.#ended) this.#retry(attempt.index, attempt.number, attempt.again);
  }

  /** The attempt makes room for another task. */
  left(attempt: InlineAttempt, task: SlowTask): void {
    this.#attempts.delete(attempt);
    this.engine.left(task);
  }

  report(attempt: InlineAttempt, value: unknown): void {
    const { wire } = this.engine;
    const [arrived] = wire.unpack(wire.pack([value], 'result'));
    if (this.#ended) return;
    try {
      this.#policy?.onReport?.(arrived, this.first + attempt.index);
    } catch (error) {
      this.refuse(error);
    }
  }

  // --------------------------------------------------------------------------------------------- inside

  #failed({ index, number }: InlineAttempt, error: unknown): void {
    const next = this.#consequence(number, error);
    if ('pause' in next) this.#retry(index, number, next.pause);
    else this.#fail(index, next.error);
  }

  /** What was moved cannot be given to another attempt. */
  #consequence(attempt: number, error: unknown): Consequence {
    return this.inputs.moved ? { error } : consequence(this.#policy, attempt, error);
  }

  #retry(index: number, number: number, ms: number): void {
    this.#pausing++;
    const again = () => {
      this.#pausing--;
      if (this.#ended) return;
      this.#again.push({ index, number: number + 1 });
      this.engine.enqueue(this);
    };
    if (ms === 0) again();
    else this.engine.agenda.in(ms, again);
  }

  #fail(index: number, error: unknown): void {
    this.engine.tally.failed++;
    this.#settle(() => this.#sink.error(index, error));
  }

  #settle(tell: () => void): void {
    const last = --this.#unsettled === 0;
    if (last) this.#end();
    this.engine.finished(1);
    outside(tell);
    if (last) outside(() => this.#sink.done());
  }

  #end(): void {
    this.#ended = true;
    offAbort(this.#policy?.signal, this.#onAbort);
    this.engine.forget(this);
  }
}

/** For a call of one task. */
export function sinkOfOne(resolve: (value: unknown) => void, reject: (error: unknown) => void): InlineSink {
  return { value: (_, value) => resolve(value), error: (_, error) => reject(error), done: () => {}, failed: reject };
}
