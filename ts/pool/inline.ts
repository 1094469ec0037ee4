import { AsyncLocalStorage } from 'node:async_hooks';
import { PoolTerminatedError } from '../internal/errors.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { Agenda } from './agenda.js';
import type { Engine, EngineEvents, Running } from './engine.js';
import { type Hold, Holds } from './holds.js';
import { inbox } from './inbox.js';
import { runUntil } from './inline-block.js';
import { InlineCall, type InlineSink, sinkOfOne } from './inline-call.js';
import { InlineFunction } from './inline-function.js';
import { InlineInitializer } from './inline-initializer.js';
import { type InlineInputs, inputOf, inputsOf } from './inline-inputs.js';
import { InlineQueue } from './inline-queue.js';
import { InlineTally } from './inline-stats.js';
import { Wire } from './inline-wire.js';
import { type Interrupted, Interruption } from './interruption.js';
import type { TaskOptions } from './options.js';
import { outside } from './outside.js';
import { policyOf } from './policy.js';
import type { Items } from './range-input.js';
import type { RangeSink } from './range-job.js';
import { notRunning } from './refusals.js';
import { mustHaveRoom } from './room.js';
import type { PoolStats, SlowTask, WorkerInfo } from './stats.js';

/** After this long the event loop has its turn, in milliseconds. */
const TURN_MS = 1;

/**
 * A pool without workers: its tasks run in the calling thread, for debugging and tests.
 *
 * Functions, arguments and results take the way that they take to a worker and back, so that what works here works
 * there. Tasks start in a later turn of the event loop, in the order of the calls, with at most `concurrency` of them in
 * flight, whatever `processes` is. What one thread cannot do:
 * - interrupt a synchronous task. Its timeout makes `cancelled()` true, and rejects when the task returns;
 * - get rid of an asynchronous task that was aborted or timed out: its signal fires, and after `grace` others may start;
 * - block for an asynchronous task: a `*Sync` call of one is a DeadlockError.
 * Options that are about workers (`maxTasksPerChild`, `env`, `resourceLimits`, …) change nothing.
 */
export class InlineEngine implements Engine, Interrupted {
  readonly options: ResolvedPoolOptions;
  readonly wire = new Wire();
  readonly agenda = new Agenda();
  readonly tally = new InlineTally();
  readonly initializer: InlineInitializer;
  readonly workerInfos: readonly WorkerInfo[] = [];
  /** Tasks that wait or run. */
  pending = 0;
  /** Tasks that run. */
  inFlight = 0;
  readonly #events: EngineEvents;
  /** Tasks see the context in which the pool was made, not that of whichever call is being served. */
  readonly #inContext = AsyncLocalStorage.snapshot();
  readonly #calls = new Set<InlineCall>();
  readonly #queue = new InlineQueue<InlineCall>();
  #refusal: (() => Error) | undefined;
  #alive = true;
  #lastId = 0;
  /** The call that was made last: the one that a `*Sync` method waits for. */
  #newest: InlineCall | undefined;
  #turn: NodeJS.Immediate | undefined;
  readonly #holds = new Holds();
  readonly #interruption: Interruption;
  /** Told when nothing is pending. */
  #drained: Array<() => void> = [];
  /** Told when the initializer is done, or the pool has ended. */
  #readyWatchers: Array<(error: Error | undefined) => void> = [];

  constructor(options: ResolvedPoolOptions, events: EngineEvents) {
    this.options = options;
    this.#events = events;
    this.initializer = new InlineInitializer(
      this.wire,
      options,
      () => this.#initialized(),
      (error) => this.#end(error, error),
    );
    this.#interruption = new Interruption(this);
  }

  describePending(): readonly string[] {
    const names = [...this.#calls].map(({ fn, inputs }) => `${inputs.count === 1 ? 'apply' : 'map'}(\`${fn.name}\`)`);
    return [...new Set(names)];
  }

  // ---------------------------------------------------------------------------------------------- calls

  call(
    fn: AnyFunction,
    args: readonly unknown[],
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    options: TaskOptions,
    index = 0,
  ): Running | undefined {
    const pack = () => inputOf(this.wire, args, 'args', options.transfer);
    return this.#begin(fn, 1, options, sinkOfOne(resolve, reject), index, pack);
  }

  range(
    fn: AnyFunction,
    items: Items,
    star: boolean,
    options: TaskOptions,
    sink: RangeSink,
    first = 0,
  ): Running | undefined {
    return this.#begin(fn, items.length, options, sink, first, () => inputsOf(this.wire, items, star));
  }

  #begin(
    fn: AnyFunction,
    tasks: number,
    options: TaskOptions,
    sink: InlineSink,
    first: number,
    pack: () => InlineInputs,
  ): Running | undefined {
    let call: InlineCall;
    try {
      if (!this.#alive) throw this.refusal() ?? notRunning();
      const known = new InlineFunction(fn);
      const policy = policyOf(this.options, options);
      if (policy?.signal?.aborted) throw policy.signal.reason;
      mustHaveRoom(this.options, this.pending, tasks);
      call = new InlineCall(this, { id: ++this.#lastId, fn: known, inputs: pack(), policy, first, sink });
    } catch (error) {
      sink.failed(error);
      return undefined;
    }
    if (this.pending === 0) inbox.began();
    this.pending += tasks;
    this.#calls.add(call);
    this.#newest = call;
    this.enqueue(call);
    return call;
  }

  waitFor(done: () => boolean): void {
    const call = this.#newest;
    this.#inContext(() => runUntil(done, this, call));
  }

  // ----------------------------------------------------------------------------------------- from calls

  /** The call has a task to start. */
  enqueue(call: InlineCall): void {
    this.#queue.add(call);
    this.#schedule();
  }

  /** A task has ended, or was given up: there is room for another. */
  left(task: SlowTask): void {
    this.inFlight--;
    this.tally.ran(task);
    if (this.#queue.first !== undefined) this.#schedule();
  }

  /** The call has ended. */
  forget(call: InlineCall): void {
    this.#calls.delete(call);
    if (this.#newest === call) this.#newest = undefined;
  }

  /** `tasks` tasks less are pending. */
  finished(tasks: number): void {
    this.pending -= tasks;
    if (this.pending > 0) return;
    inbox.ended();
    for (const wake of this.#drained.splice(0)) wake();
    outside(() => this.#events.drain());
    this.#endIfDone();
  }

  // -------------------------------------------------------------------------------------------- running

  #schedule(): void {
    if (this.#alive) this.#turn ??= setImmediate(() => this.#inContext(() => this.#takeTurn()));
  }

  #takeTurn(): void {
    const end = performance.now() + TURN_MS;
    let more = true;
    while (more && performance.now() < end) more = this.startNext();
    this.#turn = undefined;
    if (more) this.#schedule();
  }

  /** Starts the first task that waits. False: none does, or it may not start yet. */
  startNext(): boolean {
    if (!this.#alive) return false;
    this.initializer.run();
    const call = this.initializer.done ? this.#queue.first : undefined;
    if (call === undefined || this.inFlight >= call.concurrency) return false;
    call.startNext();
    return true;
  }

  #initialized(): void {
    this.#settleReady(this.refusal());
    this.#schedule();
  }

  ready(): Promise<void> {
    // Preparing is work: it keeps Node alive until it is done.
    inbox.began();
    this.#schedule();
    return new Promise((resolve, reject) => {
      const settle = (error: Error | undefined) => {
        inbox.ended();
        if (error === undefined) resolve();
        else reject(error);
      };
      if (this.#alive && !this.initializer.done) this.#readyWatchers.push(settle);
      else settle(this.refusal());
    });
  }

  #settleReady(error: Error | undefined): void {
    for (const settle of this.#readyWatchers.splice(0)) settle(error);
  }

  // -------------------------------------------------------------------------------------------- the end

  /** Whether tasks may still run. */
  get running(): boolean {
    return this.#alive;
  }

  refusal(): Error | undefined {
    return this.#refusal?.();
  }

  /** What the initializer returned. */
  get state(): unknown {
    return this.initializer.state;
  }

  get closed(): boolean {
    return this.#refusal !== undefined;
  }

  close(): void {
    this.#refusal ??= notRunning;
    this.#endIfDone();
  }

  hold(hold: Hold): () => void {
    return this.#holds.add(hold, () => this.#endIfDone());
  }

  get waiting(): number {
    return this.#holds.awaited + this.#readyWatchers.length;
  }

  interrupt(error: () => Error): void {
    this.#settleReady(error());
    this.#holds.end(error);
    for (const call of [...this.#calls]) call.abort(error());
  }

  /** What runs cannot be ended: it is told by its signal, and nobody waits for it. */
  async terminate(): Promise<void> {
    this.#end(() => new PoolTerminatedError('The pool was terminated'), notRunning);
  }

  ended(): Promise<void> {
    return this.#interruption.join(this.#whenEnded());
  }

  async #whenEnded(): Promise<void> {
    this.#holds.join();
    while (this.#alive) {
      if (this.pending > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
      // Whoever reads an iterator may be about to ask for more.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.pending === 0 && this.#holds.size === 0) this.#end(notRunning, notRunning);
    }
  }

  #endIfDone(): void {
    if (this.#alive && this.closed && this.pending === 0 && this.#holds.size === 0) this.#end(notRunning, notRunning);
  }

  #end(error: () => Error, refusal: () => Error): void {
    this.#refusal = refusal;
    if (!this.#alive) return;
    this.#alive = false;
    clearImmediate(this.#turn);
    for (const call of [...this.#calls]) call.abort(error());
    this.#holds.end(error);
    this.#queue.clear();
    this.agenda.clear();
    this.#interruption.end();
    this.#settleReady(error());
  }

  stats(): PoolStats {
    const { completed, failed, waitTime, runTime, slowest } = this.tally;
    const { pending, inFlight: running } = this;
    return { completed, failed, pending, running, stolen: 0, restarts: 0, workers: [], waitTime, runTime, slowest };
  }
}
