import { BrokenPoolError, SerializationError } from '../internal/errors.js';
import { Control, payloadOf, Told } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { logPath } from '../internal/stdio.js';
import type { Agenda } from './agenda.js';
import { type ToWorker, unpack } from './attachments.js';
import { type FromWorker, received } from './body.js';
import { nextPlace } from './cpus.js';
import { inbox } from './inbox.js';
import type { WorkerInfo } from './stats.js';
import { describeEnding, type Ending, infoOf, messageOf, NOT_STARTED, type WorkerHandle } from './worker-handle.js';
import { startWorker, type WorkerSetup } from './worker-start.js';

/** What the set of workers asks of its pool. */
export interface WorkersHost {
  readonly id: number;
  readonly options: ResolvedPoolOptions;
  readonly lanes: number;
  readonly agenda: Agenda;
  initializer(): WorkerSetup['initializer'];
  /** Messages that a new worker has to get first. */
  greetings(): Iterable<ToWorker>;
  /** How many tasks are waiting or running. */
  readonly pending: number;
  /** Whether there is or may come work for workers. */
  readonly needsWorkers: boolean;
  /** True while the owner blocks in a Sync call: no event of a thread arrives. */
  readonly blocking: boolean;
}

/** What the set of workers tells its pool. */
export interface WorkersListener {
  started(worker: WorkerHandle): void;
  /** What a worker held is accounted for; its counters are still those of its seat. */
  gone(worker: WorkerHandle): void;
  ended(worker: WorkerHandle, ending: Ending): void;
  /** A worker wants what was moved with the call in a slot. */
  wanted(worker: WorkerHandle, slot: number): void;
  /** The pool cannot go on. */
  broke(error: Error): void;
  initializerFailed(error: Error): void;
  /** An error that a worker has encoded, at a byte of the region. */
  decodeError(at: number, bytes: number): Error;
}

/** After so many milliseconds a worker is tried again that found no memory. */
const RETRY_MS = 100;
/** How long after the first workers those start that no task has asked for: by then the first have their first results. */
const REST_MS = 100;
/** So long a process has to end that was asked to, in milliseconds. */
const INSIST_MS = 500;

/** The workers of one pool: started on demand, replaced when they die, dismissed when they idle. */
export class Workers {
  readonly #host: WorkersHost;
  readonly #listener: WorkersListener;
  readonly #seats: Array<WorkerHandle | undefined>;
  /** Those whose tasks are accounted for and whose threads have not ended yet. Their seats are free. */
  readonly #leaving = new Set<WorkerHandle>();
  readonly #deaths: number[] = [];
  /** For how many tasks at a time workers were asked for. */
  #asked = 0;
  /** Those that no task waits for start, too: they no longer slow the first ones down. */
  #complete = false;
  /** Forgets that they are about to. */
  #forgetRest: (() => void) | undefined;
  #values = false;

  constructor(host: WorkersHost, listener: WorkersListener, seats: number) {
    this.#host = host;
    this.#listener = listener;
    this.#seats = new Array(seats).fill(undefined);
  }

  /** Workers that have not ended. */
  *[Symbol.iterator](): Iterator<WorkerHandle> {
    for (const worker of this.#seats) if (worker !== undefined) yield worker;
    yield* this.#leaving;
  }

  /** How many workers are ready for tasks. */
  get readyCount(): number {
    let count = 0;
    for (const worker of this) if (worker.ready && !worker.gone) count++;
    return count;
  }

  /** The worker on a seat. */
  at(seat: number): WorkerHandle | undefined {
    return this.#seats[seat];
  }

  /** Workers that take or will take tasks. */
  get live(): number {
    let count = 0;
    for (const worker of this) if (!worker.gone && worker.farewell === undefined) count++;
    return count;
  }

  /** Values come that are no numbers: workers that start load the codec at once. */
  expectValues(): void {
    if (this.#values) return;
    this.#values = true;
    for (const worker of this) memory.u32[worker.control / 4 + Control.values] = 1;
  }

  /** Makes sure that there are workers for the pending tasks, and for `coming` more. */
  demand(coming = 0): void {
    const { minProcesses, processes } = this.#host.options;
    const asked = Math.min(processes, this.#host.pending + coming);
    if (asked <= this.#asked) return;
    this.#asked = asked;
    if (asked < minProcesses && !this.#complete) {
      this.#forgetRest ??= this.#host.agenda.in(REST_MS, () => this.startMinimum());
    }
    this.balance();
  }

  /** All that was pending ends now: those that are still starting are not needed, and the next call starts others. */
  rest(): void {
    this.#asked = 0;
    this.#complete = false;
    this.#forgetRest?.();
    this.#forgetRest = undefined;
    for (const worker of this) if (!worker.ready && !worker.gone) this.kill(worker);
  }

  /** Starts the workers that are to be there even if nothing is pending. */
  startMinimum(): void {
    this.#complete = true;
    this.balance();
  }

  /** Starts as many workers as are missing: at first one per task, and the others a little later. */
  balance(): void {
    const wanted = this.#complete ? Math.max(this.#host.options.minProcesses, this.#asked) : this.#asked;
    while (this.#host.needsWorkers && this.live < wanted) {
      const seat = this.#seats.indexOf(undefined);
      if (seat < 0) return;
      try {
        this.#start(seat);
      } catch (error) {
        if (error instanceof SerializationError) {
          // There is no memory for its control block now; calls that end will make some.
          this.#host.agenda.in(RETRY_MS, () => this.balance());
          return;
        }
        this.#listener.broke(
          new BrokenPoolError(`A worker could not be started: ${messageOf(error)}`, { cause: error }),
        );
        return;
      }
    }
  }

  /** Lets the workers above `minProcesses` go. */
  shrink(): void {
    const { minProcesses } = this.#host.options;
    this.#asked = Math.min(this.#asked, minProcesses);
    let surplus = this.live - minProcesses;
    for (const worker of [...this].reverse()) {
      if (surplus <= 0) return;
      if (worker.farewell !== undefined || worker.gone) continue;
      this.dismiss(worker);
      surplus--;
    }
  }

  /** Asks a worker to leave when it is between tasks. */
  dismiss(worker: WorkerHandle): void {
    if (worker.farewell !== undefined) return;
    worker.farewell = 'dismissed';
    native.dismiss(this.#host.id, worker.seat, worker.control);
  }

  /** Ends a worker's thread or process, whatever it does. */
  kill(worker: WorkerHandle): void {
    const again = worker.farewell === 'killed';
    worker.farewell = 'killed';
    worker.body.kill(false);
    if (!again && this.#host.options.context === 'spawn') this.#insist(worker);
  }

  /** Ends a process that does not listen. */
  #insist(worker: WorkerHandle): void {
    const force = (): void => {
      if (!worker.body.over) worker.body.kill(true);
    };
    // The owner may be blocked, or the pool at its end: whichever comes.
    const timer = setTimeout(force, INSIST_MS);
    this.#host.agenda.in(INSIST_MS, force);
    void worker.body.exited.then(() => clearTimeout(timer));
  }

  /** A worker begins its last task: its replacement starts now. */
  retiring(seat: number): void {
    const worker = this.#seats[seat];
    if (worker === undefined || worker.farewell !== undefined) return;
    worker.farewell = 'dismissed';
    this.balance();
  }

  /** The core has accounted for what a worker held. */
  gone(seat: number): void {
    const worker = this.#seats[seat];
    if (worker === undefined || worker.gone) return;
    this.#depart(worker);
    this.#listener.gone(worker);
    if (this.#host.blocking) {
      this.receive(worker);
      this.#settle(worker, worker.describeEnd(null));
    }
    if (!this.#overBudget()) this.balance();
    else if (worker.ending !== undefined) this.#giveUp(worker.ending);
  }

  /** Reads what workers sent, for an owner that blocks, and looks for those that never started. */
  poll(): void {
    for (const worker of [...this]) {
      this.receive(worker);
      if (!worker.gone && !worker.ready && worker.neverSat) this.#neverStarted(worker);
    }
  }

  /** Its thread has ended before it sat down: no record tells of that, and no event while the owner blocks. */
  #neverStarted(worker: WorkerHandle): void {
    this.#depart(worker);
    const ended = { exitCode: null, reason: 'it ended while it started', error: undefined };
    worker.ending = worker.started ? ended : worker.describeEnd(null);
    if (this.#overBudget()) this.#giveUp(worker.ending);
    else this.balance();
  }

  /** Reads what a worker sent. */
  receive(worker: WorkerHandle): void {
    for (const message of received(worker.body)) this.#message(worker, message);
  }

  /** What a worker attached to a result, under the id that it gave: its seat is in the upper bits. Asked for once. */
  attached(id: number): unknown {
    const worker = this.#seats[(id >>> 20) - 1];
    if (worker === undefined) return undefined;
    if (!worker.received.has(id)) this.receive(worker);
    const value = worker.received.get(id);
    worker.received.delete(id);
    return value;
  }

  /** Tells every worker. */
  broadcast(message: ToWorker): void {
    for (const worker of this) worker.body.port?.postMessage(message);
  }

  #start(seat: number): void {
    const { options, id: pool, lanes } = this.#host;
    const place = options.cpus && nextPlace(options.cpus, this.#places());
    const at = { pool, seat, initializer: this.#host.initializer(), lanes, values: this.#values, place };
    const worker = startWorker(at, options);
    this.#seats[seat] = worker;
    void worker.body.exited.then((exitCode) => this.#exit(worker, exitCode));
    if (typeof options.stdio === 'object') this.#sendPath(worker, options.stdio.file);
    const { port } = worker.body;
    if (port === undefined) return;
    for (const message of this.#host.greetings()) port.postMessage(message);
    port.on('message', (message: FromWorker) => this.#message(worker, message));
    port.unref();
  }

  /** The places of those that take tasks, or will, in the list of CPUs. */
  *#places(): Iterable<number | undefined> {
    for (const worker of this) if (!worker.gone && worker.farewell === undefined) yield worker.place;
  }

  /** Tells the worker where what it prints goes: its thread has a number now. It does nothing before. */
  #sendPath(worker: WorkerHandle, file: (info: WorkerInfo) => string): void {
    try {
      worker.printTo(logPath(file, infoOf(worker)));
    } catch (error) {
      this.kill(worker);
      throw error;
    }
  }

  /** A worker tells something of itself: a value, or what is in a block. */
  told(seat: number, what: number, value: number, block: number, bytes: number): void {
    const worker = this.#seats[seat];
    if (worker !== undefined && what === Told.ready) {
      worker.ready = true;
      worker.initMs = value / 1000;
      worker.bootMs = native.nowMs() - worker.startedAt - worker.initMs;
      this.#listener.started(worker);
    }
    if (block === 0) return;
    const at = payloadOf(block);
    try {
      if (what === Told.initializerFailed) this.#listener.initializerFailed(this.#listener.decodeError(at, bytes));
      else if (what === Told.threw) worker?.threw(this.#listener.decodeError(at, bytes));
      else worker?.printed?.push(what === Told.stdout ? 1 : 2, memory.copy(at, bytes));
    } finally {
      native.free(block);
    }
  }

  #message(worker: WorkerHandle, message: FromWorker): void {
    if ('want' in message) this.#listener.wanted(worker, message.want);
    else unpack(message.parcel, worker.received);
  }

  #exit(worker: WorkerHandle, exitCode: number): void {
    // Its last records are about this worker, not about the next one on its seat.
    inbox.drain();
    // What it sent last: an attachment of a result, the initializer's error.
    this.receive(worker);
    if (!worker.gone) this.#depart(worker);
    const ending = worker.describeEnd(exitCode);
    this.#leaving.delete(worker);
    this.#settle(worker, ending);
    this.#listener.ended(worker, ending);
    worker.dispose();
    if (this.#overBudget()) this.#giveUp(worker.ending ?? ending);
    else this.balance();
  }

  /** Its seat is free for another. */
  #depart(worker: WorkerHandle): void {
    worker.gone = true;
    this.#seats[worker.seat] = undefined;
    this.#leaving.add(worker);
    if (worker.farewell === undefined) this.#deaths.push(native.nowMs());
  }

  #settle(worker: WorkerHandle, ending: Ending): void {
    worker.ending ??= ending;
    for (const mourner of worker.mourners.splice(0)) mourner(ending);
  }

  #overBudget(): boolean {
    const { count, within } = this.#host.options.maxRestarts;
    const since = native.nowMs() - within;
    while (this.#deaths.length > 0 && this.#deaths[0] < since) this.#deaths.shift();
    return this.#deaths.length > count;
  }

  #giveUp(last: Ending): void {
    const { count, within } = this.#host.options.maxRestarts;
    const message =
      last.reason === NOT_STARTED
        ? `Workers could not be started${last.error === undefined ? '' : `: ${messageOf(last.error)}`}`
        : `More than ${count} workers died within ${within} ms; the last one: ${describeEnding(last)}`;
    this.#listener.broke(new BrokenPoolError(message, last.error === undefined ? undefined : { cause: last.error }));
  }
}
