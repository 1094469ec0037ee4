import { availableParallelism } from 'node:os';
import { Decoder, Encoder } from '../internal/codec/index.js';
import {
  BrokenPoolError,
  PoolTerminatedError,
  QueueFullError,
  StateError,
  WorkerLostError,
} from '../internal/errors.js';
import { define } from '../internal/functions/define.js';
import { type AnyFunction, type Definition, nameOf } from '../internal/functions/definition.js';
import { load } from '../internal/functions/load.js';
import { Kind, Lane, payloadOf, Record, SLOT_WORDS, Slot } from '../internal/layout.js';
import { loadNative } from '../internal/load-native.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { Agenda } from './agenda.js';
import { Attachments, type Luggage, type ToWorker } from './attachments.js';
import { Backlog } from './backlog.js';
import { CallJob, flagsOf } from './call-job.js';
import type { Engine, EngineEvents, Running } from './engine.js';
import { inbox, type Recipient } from './inbox.js';
import { checkInterrupts, unwatchInterrupts, watchInterrupts } from './interrupts.js';
import type { Job, Waiting } from './job.js';
import type { TaskOptions } from './options.js';
import { defaultPolicy, type Policy, policyOf } from './policy.js';
import { encodeItems, freeInput, type Items } from './range-input.js';
import { RangeJob, type RangeSink } from './range-job.js';
import { Slots } from './slots.js';
import { type PoolStats, Tally, type WorkerInfo, type WorkerStats } from './stats.js';
import { TimeLimits } from './time-limits.js';
import { describeEnding, type Ending, type WorkerHandle, Workers, type WorkersHost } from './workers.js';

/** How long an idle worker looks for work before it returns to its event loop, in microseconds. */
const SPIN_US = 50;
/** How long a blocked owner spins before it sleeps, in microseconds. */
const OWNER_SPIN_US = 100;
/** Calls of one turn that are handed over together, at the most: the first workers need not wait for the last call. */
const OUTBOX = 64;
/** A blocked owner looks up this often, in milliseconds. */
const SLICE_MS = 50;
/** A worker whose event loop has not turned for so long, in milliseconds, is blocked. */
const BLOCKED_MS = 50;
/** Tasks that one worker can have in flight at the most where a call's `concurrency` is above the pool's. */
export const MAX_LANES = 256;

/** The owner's side of a pool in worker threads: what its methods have in common. */
export class Core implements Engine, Recipient, WorkersHost {
  readonly id: number;
  readonly options: ResolvedPoolOptions;
  readonly lanes: number;
  readonly slots = new Slots<Job>();
  readonly agenda = new Agenda();
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly attachments: Attachments;
  readonly workers: Workers;
  readonly defaultPolicy: Policy | undefined;
  /** The flags of a call that wants nothing special. */
  readonly plainFlags: number;
  readonly #timeLimits = new TimeLimits(this);
  /** Calls that are under way and may have no slot: they are refused when the pool ends. */
  readonly calls = new Set<{ refuse(error: unknown): void }>();
  readonly startedAt = performance.now();
  completed = 0;
  failed = 0;
  restarts = 0;
  /** Tasks that wait or run. */
  pending = 0;
  blocking = false;
  #events: EngineEvents;
  #refusal: (() => Error) | undefined;
  #calls = 0;
  /** Where the slots of this turn's calls are listed, as a byte offset, and how many they are. */
  readonly #outbox: number;
  readonly #outboxBlock: number;
  #outgoing = 0;
  #functions = new Map<Definition, number>();
  #numbers = new WeakMap<AnyFunction, number>();
  readonly #names: string[] = [];
  #lastFunction: AnyFunction | undefined;
  #lastNumber = 0;
  readonly #backlog = new Backlog();
  #forReady: Array<(worker: WorkerHandle) => void> = [];
  #nextPinned = 0;
  #initializer: { fn: number; block: number; bytes: number } | undefined;
  #drained: Array<() => void> = [];
  #ended: Promise<void> | undefined;
  #joining = false;
  readonly #holds = new Set<(error: unknown) => void>();
  readonly #readyWatchers = new Set<(error?: Error) => void>();
  readonly #tally = new Tally();
  #idleTimer: (() => void) | undefined;

  constructor(options: ResolvedPoolOptions, events: EngineEvents) {
    this.options = options;
    this.#events = events;
    this.lanes = Math.max(MAX_LANES, options.concurrency);
    loadNative();
    inbox.open();
    // Room for every worker and its replacement.
    const seats = options.processes * 2 + 1;
    const maxTasks = Number.isFinite(options.maxTasksPerChild) ? options.maxTasksPerChild : 0;
    const searching = Math.max(1, Math.min(options.processes, availableParallelism() - 1));
    this.id = native.createPool(seats, this.lanes, maxTasks, SPIN_US, searching);
    this.#outboxBlock = memory.alloc(OUTBOX * 4);
    this.#outbox = payloadOf(this.#outboxBlock);
    this.workers = new Workers(this, seats);
    this.attachments = new Attachments((message) => this.workers.broadcast(message));
    const hooks = {
      attach: (value: object) => this.attachments.attach(value),
      attached: (id: number) => this.#attached(id),
      define: (fn: unknown) => define(fn as AnyFunction),
      load,
    };
    this.encoder = new Encoder(hooks);
    this.encoder.label = 'args';
    this.decoder = new Decoder(hooks);
    this.defaultPolicy = defaultPolicy(options);
    this.plainFlags = flagsOf(this, undefined);
    inbox.add(this);
    watchInterrupts(this);
    if (options.initializer !== undefined) this.#prepareInitializer(options.initializer, options.initArgs);
  }

  // ---------------------------------------------------------------------------------------------- state

  /** Whether tasks may still run. */
  get running(): boolean {
    return this.#ended === undefined;
  }

  get needsWorkers(): boolean {
    const more = this.pending > 0 || (this.#holds.size > 0 && !this.#joining);
    return this.running && (!this.closed || more);
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

  async ended(): Promise<void> {
    this.#joining = true;
    // Whoever waits for the end keeps Node alive until then.
    inbox.began();
    try {
      this.#maybeDismissAll();
      if (this.pending > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
      await Promise.all([...this.workers].map((worker) => worker.exited));
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
    this.refuseAll(error);
    for (const onEnd of [...this.#holds]) onEnd(error());
    this.agenda.clear();
    inbox.began();
    await Promise.all(handles.map((worker) => worker.exited));
    inbox.ended();
    // Records that were under way hold blocks; they come before the pool is forgotten.
    inbox.drain(Number.POSITIVE_INFINITY);
    for (const job of this.slots.occupants()) this.#freeBlocks(job.slot);
    if (this.#initializer !== undefined && this.#initializer.block !== 0) native.free(this.#initializer.block);
    this.slots.dispose();
    native.free(this.#outboxBlock);
    inbox.remove(this);
    unwatchInterrupts(this);
    native.destroyPool(this.id);
    this.#wakeDrained();
  }

  /** Ends every pending call with an error. */
  refuseAll(error: () => Error): void {
    for (const waiting of this.#backlog.clear()) waiting.refuse(error());
    for (const call of [...this.calls]) call.refuse(error());
    this.#settleReady(error());
    for (const job of this.slots.occupants()) job.refuse(error());
  }

  hold(onEnd: (error: unknown) => void): () => void {
    this.#holds.add(onEnd);
    return () => {
      if (this.#holds.delete(onEnd)) this.#maybeDismissAll();
    };
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
    this.#mustRun();
    const number = this.functionNumber(fn);
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
    this.#mustRun();
    const number = this.functionNumber(fn);
    const policy = this.policyFor(options);
    if (policy?.signal?.aborted) throw policy.signal.reason;
    let input: ReturnType<typeof encodeItems>;
    try {
      input = encodeItems(this, items, star);
    } catch (error) {
      this.attachments.discard();
      throw error;
    }
    const plan = { chunk: options.chunkSize ?? 0, star, policy, first };
    const job = new RangeJob(this, number, input, items.length, plan, sink);
    try {
      job.start();
    } catch (error) {
      freeInput(input);
      throw error;
    }
    return job;
  }

  /** What a call with these options wants. */
  policyFor(options: TaskOptions): Policy | undefined {
    return isEmpty(options) ? this.defaultPolicy : policyOf(this.options, options);
  }

  #mustRun(): void {
    if (!this.running) throw this.refusal() ?? notRunning();
  }

  ready(): Promise<void> {
    this.workers.startMinimum();
    return new Promise((resolve, reject) => {
      const check = (error = this.refusal()) => {
        if (error !== undefined) reject(error);
        else if (this.workers.readyCount < this.options.minProcesses) return false;
        else resolve();
        return true;
      };
      if (check()) return;
      // Starting is work: it keeps Node alive until it is done.
      inbox.began();
      const watcher = (error?: Error) => {
        if (!check(error)) return;
        this.#readyWatchers.delete(watcher);
        inbox.ended();
      };
      this.#readyWatchers.add(watcher);
    });
  }

  /** The number under which workers know `fn`. Throws TypeError for what is no function, SerializationError for one that cannot be sent. */
  functionNumber(fn: AnyFunction): number {
    if (fn === this.#lastFunction) return this.#lastNumber;
    let number = this.#numbers.get(fn);
    if (number === undefined) {
      const definition = define(fn);
      number = this.#functions.get(definition);
      if (number === undefined) {
        number = native.publish(this.id, Buffer.from(JSON.stringify(definition)));
        this.#functions.set(definition, number);
        this.#names[number] = nameOf(definition);
      }
      this.#numbers.set(fn, number);
    }
    this.#lastFunction = fn;
    this.#lastNumber = number;
    return number;
  }

  /** The next call's number. */
  nextCall(): number {
    this.#calls = (this.#calls + 1) >>> 0;
    return this.#calls;
  }

  /** `tasks` tasks more are pending. Throws QueueFullError where the pool is full and must not wait. */
  began(tasks: number): void {
    const { maxPending, whenFull } = this.options;
    if (whenFull === 'reject' && this.pending + tasks > maxPending) {
      throw new QueueFullError(`The pool has ${this.pending} pending tasks; its limit is ${maxPending}`);
    }
    if (this.pending === 0) {
      inbox.began();
      this.#idleTimer?.();
      this.#idleTimer = undefined;
    }
    this.pending += tasks;
    this.workers.demand();
  }

  /** `tasks` tasks less are pending. */
  finished(tasks: number): void {
    this.pending -= tasks;
    if (this.#backlog.length > 0) this.advanceBacklog();
    if (this.pending > 0) return;
    inbox.ended();
    this.#wakeDrained();
    this.#maybeDismissAll();
    const { minProcesses, processes, idleTimeout } = this.options;
    if (this.running && minProcesses < processes && Number.isFinite(idleTimeout)) {
      this.#idleTimer = this.agenda.in(idleTimeout, () => this.workers.shrink());
    }
    this.#events.drain();
  }

  /** Starts a job now, or as soon as there is room for it. */
  enqueue(waiting: Waiting): void {
    const first = this.#backlog.length === 0 && this.#hasRoom(waiting.tasks, this.pending - waiting.tasks);
    if (!first || !waiting.start()) this.#backlog.push(waiting);
  }

  /** True if a job of one task may start at once. */
  get open(): boolean {
    return this.#backlog.length === 0 && this.pending <= this.options.maxPending;
  }

  /** There may be room again: a slot, an open range, or the limit of pending tasks. */
  advanceBacklog(): void {
    for (;;) {
      const first = this.#backlog.first;
      if (first === undefined || !this.#hasRoom(first.tasks, this.pending - this.#backlog.tasks)) return;
      // Taken out first: what it starts may come back here.
      this.#backlog.shift();
      if (first.start()) continue;
      this.#backlog.unshift(first);
      return;
    }
  }

  /** Whether `tasks` more may start while `started` have. A job that is larger than the limit runs alone. */
  #hasRoom(tasks: number, started: number): boolean {
    return started <= 0 || started + tasks <= this.options.maxPending;
  }

  /** Hands a filled slot with a call to the workers, together with the other calls of this turn. */
  submitCall(slot: number, luggage: Luggage | undefined): void {
    if (luggage?.parcel !== undefined) {
      this.#submitParcel(slot, luggage);
      return;
    }
    memory.u32[this.#outbox / 4 + this.#outgoing++] = slot;
    if (this.#outgoing === OUTBOX) this.flush();
    else if (this.#outgoing === 1) queueMicrotask(this.#flushSoon);
  }

  /** Hands a filled slot with a range to the workers. False: too many ranges are open. */
  submitRange(slot: number): boolean {
    this.flush();
    return native.submit(this.id, slot) !== 2;
  }

  /** Lets the workers have the calls of this turn. */
  flush(): void {
    const count = this.#outgoing;
    this.#outgoing = 0;
    if (count > 0 && this.running) native.submitCalls(this.id, this.#outbox, count);
  }

  readonly #flushSoon = (): void => this.flush();

  #submitParcel(slot: number, luggage: Luggage): void {
    const ready = [...this.workers].filter((worker) => worker.ready && !worker.gone && worker.farewell === undefined);
    const send = (worker: WorkerHandle) => {
      const parcel = luggage.parcel;
      const job = this.slots.occupant(slot);
      if (parcel === undefined || job === undefined) return;
      worker.port.postMessage({ parcel }, [parcel]);
      if (native.submitTo(this.id, slot, worker.seat) !== 0) job.record(Record.lost, 0, worker.seat, 0, 0, 0);
    };
    if (ready.length === 0) this.#forReady.push(send);
    else send(ready[this.#nextPinned++ % ready.length]);
  }

  /** Frees the blocks that a slot names, and the slot. */
  release(slot: number): void {
    this.#freeBlocks(slot);
    this.slots.release(slot);
    if (this.#backlog.length > 0) this.advanceBacklog();
  }

  #freeBlocks(slot: number): void {
    const at = slot * SLOT_WORDS;
    const argBlock = memory.u32[at + Slot.argBlock];
    const resultBlock = memory.u32[at + Slot.resultBlock];
    if (argBlock !== 0) native.free(argBlock);
    if (resultBlock !== 0) native.free(resultBlock);
  }

  /** Blocks until `done()`; time limits, deaths, messages and Ctrl+C are looked after meanwhile. */
  waitFor(done: () => boolean): void {
    const outer = this.blocking;
    this.blocking = true;
    try {
      while (!done()) {
        this.flush();
        checkInterrupts(inbox.wait(OWNER_SPIN_US, Math.min(SLICE_MS, this.agenda.next())));
        if (done()) return;
        this.agenda.poll();
        this.workers.poll();
      }
    } finally {
      this.blocking = outer;
    }
  }

  // ------------------------------------------------------------------------------------- stopping tasks

  /** `stopLane` for every lane that runs the job in `slot`. */
  stopLanes(slot: number, grace: number): void {
    if (slot === 0 || !this.running) return;
    for (const { worker, lane } of [...this.lanesOf(slot)]) this.stopLane(worker, lane, grace);
  }

  /** A job with this policy is pending: its time limit is looked after. */
  watch(policy: Policy): void {
    if (policy.timeout !== Number.POSITIVE_INFINITY) this.#timeLimits.add(policy.timeout);
  }

  /** A job with this policy has ended. */
  unwatch(policy: Policy): void {
    if (policy.timeout !== Number.POSITIVE_INFINITY) this.#timeLimits.remove(policy.timeout);
  }

  /** The lanes that run the job in `slot`. */
  *lanesOf(slot: number): Iterable<{ worker: WorkerHandle; lane: number }> {
    for (const worker of this.workers) {
      for (const lane of worker.busyLanes()) if (memory.u32[lane + Lane.slot] === slot) yield { worker, lane };
    }
  }

  /**
   * Tells the task in a lane that nobody wants it any more. If it still runs after `grace` milliseconds, its worker is
   * replaced, unless that worker's event loop is alive and has other tasks. With Infinity, telling is all.
   */
  stopLane(worker: WorkerHandle, lane: number, grace: number): void {
    const { u32 } = memory;
    const slot = u32[lane + Lane.slot];
    const claim = u32[lane + Lane.claim];
    u32[lane + Lane.unwanted] = claim;
    if (grace === Number.POSITIVE_INFINITY) {
      native.nudge(this.id, worker.seat);
      return;
    }
    const look = (after: number) => {
      const beat = worker.beat;
      native.nudge(this.id, worker.seat);
      this.agenda.in(after, () => {
        if (worker.gone || worker.farewell === 'killed') return;
        if (memory.u32[lane + Lane.slot] !== slot || memory.u32[lane + Lane.claim] !== claim) return;
        const neighbours = [...worker.busyLanes()].filter(isWanted).length;
        if (neighbours === 0 || (worker.beat === beat && after >= BLOCKED_MS)) this.workers.kill(worker);
        else look(Math.max(grace, BLOCKED_MS));
      });
    };
    look(grace);
  }

  /** Tells `mourn` how a worker ended, as soon as that is known, so that an error can say it. */
  whenEnded(seat: number, mourn: (ending: Ending) => void): void {
    const worker = this.workers.at(seat);
    if (worker !== undefined) worker.hadTasks = true;
    if (worker === undefined) mourn({ exitCode: null, reason: 'it ended', error: undefined });
    else if (worker.ending !== undefined) mourn(worker.ending);
    else if (this.blocking) mourn(worker.describeEnd(null));
    else worker.mourners.push(mourn);
  }

  /** The error of a task whose worker died. */
  lostError(seat: number, ending: Ending, index: number, attempt: number): WorkerLostError {
    const why = describeEnding(ending);
    return new WorkerLostError(`Worker ${seat + 1} was lost while it ran the task: ${why}`, {
      exitCode: ending.exitCode,
      reason: ending.reason,
      workerId: seat + 1,
      index,
      attempt,
      ...(ending.error === undefined ? {} : { cause: ending.error }),
    });
  }

  // ---------------------------------------------------------------------------------------- information

  describePending(): readonly string[] {
    const calls = new Set<string>();
    for (const { slot } of this.slots.occupants()) {
      const [fn, kind] = [memory.u32[slot * SLOT_WORDS + Slot.fn], memory.u32[slot * SLOT_WORDS + Slot.kind]];
      calls.add(`${(kind & 0xff) === Kind.range ? 'map' : 'apply'}(\`${this.#names[fn]}\`)`);
    }
    return [...calls];
  }

  get workerInfos(): readonly WorkerInfo[] {
    return [...this.workers].filter((worker) => !worker.gone && worker.farewell === undefined).map(infoOf);
  }

  stats(): PoolStats {
    const tally = this.#tally.copy();
    const workers: WorkerStats[] = [];
    let running = 0;
    for (const worker of this.running ? this.workers : []) {
      if (worker.gone) continue;
      const totals = tally.add(native.counters(this.id, worker.seat), worker.seat + 1);
      running += worker.farewell === 'killed' ? 0 : [...worker.busyLanes()].length;
      if (worker.farewell !== undefined) continue;
      workers.push({
        ...infoOf(worker),
        completed: totals[0],
        stolen: totals[1],
        startUp: worker.bootMs,
        init: worker.initMs,
        working: totals[2] / 1e6,
        waiting: totals[3] / 1e6,
      });
    }
    const { completed, failed, pending, restarts } = this;
    const { stolen, waitTime, runTime, slowest } = tally;
    return { completed, failed, pending, running, stolen, restarts, workers, waitTime, runTime, slowest };
  }

  // ---------------------------------------------------------------------------------------- from workers

  record(kind: number, slot: number, a: number, b: number, c: number, d: number, e: number): void {
    try {
      if (kind === Record.workerGone) this.workers.gone(a);
      else if (kind === Record.retiring) this.workers.retiring(a);
      else this.slots.occupant(slot)?.record(kind, a, b, c, d, e);
    } catch (error) {
      // A callback of the user's threw: that is for the process to see, and no reason to lose the records that follow.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  started(worker: WorkerHandle): void {
    for (const send of this.#forReady.splice(0)) send(worker);
    this.#settleReady();
    this.#events.workerStart(infoOf(worker));
  }

  workerEnded(worker: WorkerHandle, ending: Ending): void {
    if (worker.farewell === undefined && this.running) {
      this.restarts++;
      if (worker.failed && !worker.hadTasks) this.#events.error(ending.error);
    }
    this.#events.workerExit(infoOf(worker), ending.exitCode);
  }

  workerGone(worker: WorkerHandle): void {
    this.#tally.add(native.counters(this.id, worker.seat), worker.seat + 1);
  }

  #settleReady(error?: Error): void {
    for (const watcher of [...this.#readyWatchers]) watcher(error);
  }

  broke(error: Error): void {
    const again = () => new BrokenPoolError(error.message, { cause: error.cause });
    void this.end(again, again);
  }

  initializerFailed(encoded: Uint8Array): void {
    // A buffer of its own: what is decoded may be read in place.
    const bytes = Buffer.allocUnsafeSlow(encoded.length);
    bytes.set(encoded);
    const view = { u8: bytes, dv: new DataView(bytes.buffer) };
    const error = this.decoder.decodeOne(view, 0, bytes.length) as Error;
    const same = () => error;
    void this.end(same, same);
  }

  initializer(): { fn: number; block: number; bytes: number } | undefined {
    return this.#initializer;
  }

  greetings(): Iterable<ToWorker> {
    return this.attachments.everything();
  }

  #prepareInitializer(initializer: AnyFunction, args: readonly unknown[]): void {
    const fn = this.functionNumber(initializer);
    this.encoder.label = 'initArgs';
    try {
      this.encoder.encode(memory, 0, 0, args, 0, args.length, false);
    } finally {
      this.encoder.label = 'args';
    }
    const bytes = this.encoder.length;
    this.#initializer = { fn, block: memory.store(this.encoder.scratch.u8, bytes), bytes };
  }

  #attached(id: number): unknown {
    // An id that a worker gave: its seat is in the upper bits.
    const worker = this.workers.at((id >>> 20) - 1);
    if (worker === undefined) return undefined;
    if (!worker.received.has(id)) this.workers.receive(worker);
    const value = worker.received.get(id);
    worker.received.delete(id);
    return value;
  }
}

const notRunning = (): Error => new StateError('Pool not running');

/** Whether somebody still waits for the task in a lane. */
const isWanted = (lane: number): boolean => memory.u32[lane + Lane.unwanted] !== memory.u32[lane + Lane.claim];

function infoOf(worker: WorkerHandle): WorkerInfo {
  return { id: worker.seat + 1, threadId: worker.threadId, ready: worker.ready };
}

/** Whether the options are those of a call that was given none. */
function isEmpty(options: TaskOptions): boolean {
  return Object.isFrozen(options);
}
