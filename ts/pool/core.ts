import { availableParallelism } from 'node:os';
import { Decoder, Encoder } from '../internal/codec/index.js';
import { PoolTerminatedError } from '../internal/errors.js';
import { define } from '../internal/functions/define.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { load } from '../internal/functions/load.js';
import { Record } from '../internal/layout.js';
import { loadNative } from '../internal/load-native.js';
import { native } from '../internal/native.js';
import { noTaskOptions, type ResolvedPoolOptions } from '../internal/options.js';
import { Agenda } from './agenda.js';
import { Attachments, NoAttachments, type ToWorker } from './attachments.js';
import { Backlog } from './backlog.js';
import { poll, waitFor } from './blocking.js';
import { CallJob } from './call-job.js';
import { mustBeAllowed } from './cpus.js';
import { Dispatch } from './dispatch.js';
import type { Engine, EngineEvents, Running } from './engine.js';
import { FunctionTable } from './function-table.js';
import { type Hold, Holds } from './holds.js';
import { inbox, type Recipient } from './inbox.js';
import { type PreparedInitializer, prepareInitializer } from './initializer.js';
import { type Interrupted, Interruption } from './interruption.js';
import type { Job } from './job.js';
import type { TaskOptions } from './options.js';
import { outside } from './outside.js';
import { defaultPolicy, flagsOf, type Policy, policyOf } from './policy.js';
import type { Items } from './range-input.js';
import { RangeJob, type RangeSink } from './range-job.js';
import { Readiness } from './readiness.js';
import { forMany, notRunning } from './refusals.js';
import { mustHaveRoom } from './room.js';
import { freeBlocks, Slots } from './slots.js';
import type { PoolStats, WorkerInfo } from './stats.js';
import { Stopper } from './stopper.js';
import { Tally } from './tally.js';
import { TimeLimits } from './time-limits.js';
import { WorkerEvents } from './worker-events.js';
import { Workers, type WorkersHost } from './workers.js';

/** How long an idle worker looks for work before it returns to its event loop, in microseconds. */
const SPIN_US = 50;
/** Tasks that one worker can have in flight at the most where a call's `concurrency` is above the pool's. */
const MAX_LANES = 256;
/** The core counts tasks with 32 bits. */
const MAX_COUNT = 0xffffffff;

/** The owner's side of a pool in worker threads: what its methods have in common. */
export class Core implements Engine, Interrupted, Recipient, WorkersHost {
  readonly id: number;
  readonly options: ResolvedPoolOptions;
  readonly lanes: number;
  readonly slots = new Slots<Job>();
  readonly agenda = new Agenda();
  readonly #encoder: Encoder;
  readonly decoder: Decoder;
  readonly attachments: Attachments;
  readonly workers: Workers;
  readonly defaultPolicy: Policy | undefined;
  /** The flags of a call that wants nothing special. */
  readonly plainFlags: number;
  readonly functions: FunctionTable;
  readonly dispatch: Dispatch;
  readonly backlog = new Backlog(this);
  readonly stopper = new Stopper(this);
  readonly timeLimits = new TimeLimits(this);
  /** Ranges that have memory; one that waits for another attempt has no slot. */
  readonly ranges = new Set<RangeJob>();
  completed = 0;
  failed = 0;
  restarts = 0;
  /** Tasks that wait or run. */
  pending = 0;
  blocking = false;
  #events: EngineEvents;
  #refusal: (() => Error) | undefined;
  #calls = 0;
  readonly #initializer: PreparedInitializer | undefined;
  #drained: Array<() => void> = [];
  #ended: Promise<void> | undefined;
  readonly #holds = new Holds();
  readonly #readiness: Readiness;
  readonly #interruption: Interruption;
  readonly #tally = new Tally(this);
  #idleTimer: (() => void) | undefined;

  constructor(options: ResolvedPoolOptions, events: EngineEvents) {
    this.options = options;
    this.#events = events;
    this.lanes = Math.max(MAX_LANES, options.concurrency);
    loadNative();
    if (options.cpus !== undefined) mustBeAllowed(options.cpus);
    inbox.open();
    // Room for every worker and its replacement.
    const seats = options.processes * 2 + 1;
    const maxTasks = options.maxTasksPerChild <= MAX_COUNT ? options.maxTasksPerChild : 0;
    const searching = Math.max(1, Math.min(options.processes, availableParallelism() - 1));
    this.id = native.createPool(seats, this.lanes, maxTasks, SPIN_US, searching);
    this.functions = new FunctionTable(this.id);
    this.dispatch = new Dispatch(this);
    this.#readiness = new Readiness(() => this.workers.readyCount >= options.minProcesses);
    this.workers = new Workers(this, new WorkerEvents(this, events, this.#readiness, this.#tally), seats);
    this.attachments =
      options.context === 'spawn' ? new NoAttachments() : new Attachments((message) => this.workers.broadcast(message));
    const hooks = {
      attach: (value: object) => this.attachments.attach(value),
      attached: (id: number) => this.workers.attached(id),
      define: (fn: unknown) => define(fn as AnyFunction),
      load,
    };
    this.#encoder = new Encoder(hooks);
    this.#encoder.label = 'args';
    this.decoder = new Decoder(hooks);
    this.defaultPolicy = defaultPolicy(options);
    this.plainFlags = flagsOf(this, undefined);
    inbox.add(this);
    this.#interruption = new Interruption(this);
    this.#initializer = prepareInitializer(this);
  }

  // ---------------------------------------------------------------------------------------------- state

  /** Writes values. Numbers alone go without it, and workers that get nothing else start with less. */
  get encoder(): Encoder {
    this.workers.expectValues();
    return this.#encoder;
  }

  /** Whether tasks may still run. */
  get running(): boolean {
    return this.#ended === undefined;
  }

  get needsWorkers(): boolean {
    return this.running && (!this.closed || this.pending > 0 || this.#holds.size > 0);
  }

  /** Why new work is refused, if it is. */
  refusal(): Error | undefined {
    return this.#refusal?.();
  }

  close(): void {
    this.#refusal ??= notRunning;
    this.#maybeDismissAll();
  }

  get closed(): boolean {
    return this.#refusal !== undefined;
  }

  terminate(): Promise<void> {
    return this.end(() => new PoolTerminatedError('The pool was terminated'), notRunning);
  }

  ended(): Promise<void> {
    return this.#interruption.join(this.#whenEnded());
  }

  async #whenEnded(): Promise<void> {
    this.#holds.join();
    // Whoever waits for the end keeps Node alive until then.
    inbox.began();
    try {
      this.#maybeDismissAll();
      while (this.needsWorkers) await new Promise<void>((resolve) => this.#drained.push(resolve));
      await Promise.all([...this.workers].map((worker) => worker.body.exited));
      await this.end(notRunning, notRunning);
    } finally {
      inbox.ended();
    }
  }

  /** Ends every call with `error` now, and all workers; resolves when they are gone and the memory is free. */
  end(error: () => Error, refusal: () => Error): Promise<void> {
    this.#refusal = refusal;
    this.#ended ??= this.#end(error);
    return this.#ended;
  }

  async #end(error: () => Error): Promise<void> {
    native.stopPool(this.id);
    const handles = [...this.workers];
    for (const worker of handles) this.workers.kill(worker);
    this.#refuseAll(error);
    this.#holds.end(error);
    this.agenda.clear();
    inbox.began();
    await Promise.all(handles.map((worker) => worker.body.exited));
    inbox.ended();
    // Records that were under way hold blocks; they come before the pool is forgotten.
    inbox.drain();
    for (const range of this.ranges) range.dispose();
    for (const job of this.slots.occupants()) freeBlocks(job.slot);
    if (this.#initializer !== undefined) native.free(this.#initializer.block);
    this.slots.dispose();
    this.dispatch.dispose();
    inbox.remove(this);
    this.#interruption.end();
    native.destroyPool(this.id);
    this.#wakeDrained();
  }

  /** Ends every pending call with an error. */
  #refuseAll(error: () => Error): void {
    const another = forMany(error);
    this.#readiness.fail(another);
    for (const waiting of this.backlog.clear()) waiting.refuse(another());
    for (const range of [...this.ranges]) range.refuse(another());
    for (const job of this.slots.occupants()) job.refuse(another());
  }

  get waiting(): number {
    return this.#holds.awaited + this.#readiness.waiting;
  }

  interrupt(error: () => Error): void {
    this.workers.rest();
    this.#readiness.fail(error);
    this.#holds.end(error);
    for (const waiting of this.backlog.clear()) waiting.refuse(error());
    for (const range of [...this.ranges]) range.abort(error());
    for (const job of [...this.slots.occupants()]) job.abort(error());
  }

  hold(hold: Hold): () => void {
    return this.#holds.add(hold, () => {
      this.#maybeDismissAll();
      if (!this.needsWorkers) this.#wakeDrained();
    });
  }

  #wakeDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #maybeDismissAll(): void {
    if (this.running && !this.needsWorkers) {
      for (const worker of this.workers) this.workers.dismiss(worker);
    }
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
    this.#mustRun(1);
    const number = this.functions.numberOf(fn);
    const job = new CallJob(this, resolve, reject, this.policyFor(options), index);
    job.start(number, args, options.transfer);
    return job;
  }

  range(
    fn: AnyFunction,
    items: Items,
    star: boolean,
    options: TaskOptions,
    sink: RangeSink,
    first = 0,
  ): Running | undefined {
    this.#mustRun(items.length);
    const number = this.functions.numberOf(fn);
    const policy = this.policyFor(options);
    if (policy?.signal?.aborted) throw policy.signal.reason;
    const plan = { chunk: Math.min(options.chunkSize ?? 0, MAX_COUNT), star, policy, first };
    const job = new RangeJob(this, number, items, plan, sink);
    job.start();
    return job;
  }

  /** What a call with these options wants. */
  policyFor(options: TaskOptions): Policy | undefined {
    return options === noTaskOptions ? this.defaultPolicy : policyOf(this.options, options);
  }

  /** Throws when the pool has ended. Workers start for `tasks` tasks: they do so while the call is prepared. */
  #mustRun(tasks: number): void {
    this.workers.demand(tasks);
    if (!this.running) throw this.refusal() ?? notRunning();
  }

  async ready(): Promise<void> {
    this.workers.startMinimum();
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
    await this.#readiness.wait();
  }

  /** The next call's number. */
  nextCall(): number {
    this.#calls = (this.#calls + 1) >>> 0;
    return this.#calls;
  }

  /** `tasks` tasks more are pending. Throws QueueFullError where the pool is full and must not wait. */
  began(tasks: number): void {
    mustHaveRoom(this.options, this.pending, tasks);
    if (this.pending === 0) {
      inbox.began();
      this.#idleTimer?.();
      this.#idleTimer = undefined;
    }
    this.pending += tasks;
    this.workers.demand();
    if (this.running) return;
    // No worker could be started.
    this.finished(tasks);
    throw this.refusal() ?? notRunning();
  }

  /** `tasks` tasks less are pending. */
  finished(tasks: number): void {
    this.pending -= tasks;
    const last = this.pending === 0;
    // A job that cannot start ends here, and is the last then.
    this.backlog.advance();
    if (!last) return;
    inbox.ended();
    this.#wakeDrained();
    this.#maybeDismissAll();
    const { minProcesses, processes, idleTimeout } = this.options;
    if (this.running && minProcesses < processes && Number.isFinite(idleTimeout)) {
      this.#idleTimer = this.agenda.in(idleTimeout, () => this.workers.shrink());
    }
    this.#events.drain();
  }

  /** Frees the blocks that a slot names, and the slot. */
  release(slot: number): void {
    freeBlocks(slot);
    this.slots.release(slot);
    this.backlog.advance();
  }

  waitFor(done: () => boolean): void {
    waitFor(this, done);
  }

  pump(): number {
    poll(this);
    this.dispatch.flush();
    return this.agenda.next();
  }

  // ---------------------------------------------------------------------------------------- information

  describePending(): readonly string[] {
    return this.#tally.describePending();
  }

  get workerInfos(): readonly WorkerInfo[] {
    return this.#tally.workerInfos();
  }

  stats(): PoolStats {
    return this.#tally.stats();
  }

  // ---------------------------------------------------------------------------------------- from workers

  record(kind: number, slot: number, a: number, b: number, c: number, d: number, e: number): void {
    outside(() => {
      // What a task printed is to be read before its result.
      if (this.options.stdio === 'pipe') for (const worker of this.workers) this.workers.receive(worker);
      if (kind === Record.workerGone) this.workers.gone(a);
      else if (kind === Record.retiring) this.workers.retiring(a);
      else if (kind === Record.told) this.workers.told(a, b, c, d, e);
      else this.slots.occupant(slot)?.record(kind, a, b, c, d, e);
    });
  }

  initializer(): PreparedInitializer | undefined {
    return this.#initializer;
  }

  greetings(): Iterable<ToWorker> {
    return this.attachments.everything();
  }
}
