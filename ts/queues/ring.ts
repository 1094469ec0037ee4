import { block as blockThread, mustHaveHope } from '../internal/blocking.js';
import { noMemory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { timedOut, WaitingLine, type WaitLimits } from '../internal/waiting.js';
import type { WaitOptions } from '../pool/options.js';
import { waitOptions } from '../sync/options.js';
import { type Batch, type Parcel, wire } from './wire.js';

/** Why `ringPut` did not put all. */
const Put = { all: 0, full: 1, broken: 3 } as const;
/** What `ringGet` answers instead of how many. */
const Got = { ended: -2 } as const;
/** What `ringLeave` is told. */
const Leave = { items: 0, room: 1, join: 2 } as const;
/** What `ringShut` is told. */
export const Shut = { closed: 1, dropped: 2 } as const;

/** Why a wait ended without what was waited for. */
export const Ended = { timedOut: 'timed out', shut: 'shut', broken: 'broken' } as const;
export type Ended = (typeof Ended)[keyof typeof Ended];

/** What a ring tells of itself. */
export interface RingState {
  readonly length: number;
  readonly full: boolean;
  readonly lost: number;
  readonly epoch: number;
}

/** So long a blocked thread waits before it looks whether anybody else is left whom it can wait for. */
const ALONE_MS = 50;
/** The most messages that can be asked for. */
const MAX_COUNT = 0xffffffff;

/**
 * A ring in shared memory, as one handle of this isolate sees it: values go in, come out, and are waited for. Who blocks
 * lets those go first who wait already in this isolate, so that all that one isolate puts keeps its order.
 */
export class RingSide {
  readonly block: number;
  /** Byte offset of the word that counts what this isolate took and has not done; 0: nothing is counted. */
  readonly cell: number;
  /** The handle: as long as a task waits, it is not garbage, and the ring is there. */
  readonly owner: object;
  readonly #items: WaitingLine;
  readonly #room: WaitingLine;
  readonly #joined: WaitingLine;
  /** A value among many could not be read: the others were delivered first. */
  readonly #errors: unknown[] = [];
  #closed: (() => Error) | undefined;

  constructor(owner: object, block: number, cell: number) {
    this.owner = owner;
    this.block = block;
    this.cell = cell;
    this.#items = new WaitingLine({ leave: () => native.ringLeave(block, Leave.items) });
    this.#room = new WaitingLine({ leave: () => native.ringLeave(block, Leave.room) });
    this.#joined = new WaitingLine({ all: true, leave: () => native.ringLeave(block, Leave.join) });
  }

  get state(): RingState {
    const [length, full, lost, epoch] = native.ringState(this.block);
    return { length, full: full !== 0, lost, epoch };
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** @throws what `close` was given */
  check(): void {
    if (this.#closed !== undefined) throw this.#closed();
  }

  /** Checks the options of a wait that begins now: a wrong one, a closed handle, a signal that has fired throw. */
  start(options: WaitOptions | undefined): WaitOptions {
    const limits = waitOptions(options);
    this.check();
    limits.signal?.throwIfAborted();
    return limits;
  }

  /** This handle is not used any more: who waits gets an error, and so does who comes later. */
  close(error: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#items.refuseAll(error);
    this.#room.refuseAll(error);
  }

  /**
   * Puts all values of a parcel, which are serialised before this returns, waiting for room. Undefined: all were put.
   * @throws SerializationError for the first that cannot be sent; those before it were put
   */
  async put(parcel: Parcel, limits: WaitLimits): Promise<Ended | undefined> {
    const kept: Batch[] = [];
    let refused: { readonly error: unknown } | undefined;
    while (parcel.next < parcel.values.length && refused === undefined) {
      const area = wire.enter();
      let batch: Batch | undefined;
      try {
        batch = wire.write(area, parcel);
        const ended = kept.length === 0 ? this.#tryPut(batch, parcel) : undefined;
        if (ended !== undefined) return ended;
        if (batch.count > 0) kept.push(wire.keep(batch));
      } catch (error) {
        if (kept.length === 0) throw error;
        refused = { error };
      } finally {
        if (batch !== undefined) wire.drop(batch);
        wire.leave();
      }
    }
    if (kept.length === 0) return undefined;
    try {
      const ended = await this.#room.wait(() => this.#putKept(kept, parcel), limits);
      if (ended === timedOut) return Ended.timedOut;
      if (ended !== true) return ended;
    } finally {
      for (const batch of kept) wire.drop(batch);
    }
    if (refused !== undefined) throw refused.error;
    return undefined;
  }

  /** As {@link put}, blocking the thread. Values are serialised as there is room for them. */
  putSync(parcel: Parcel, limits: WaitLimits): Ended | undefined {
    const end = limits.timeout === undefined ? Number.POSITIVE_INFINITY : performance.now() + limits.timeout;
    return this.#putAll(parcel, (batch) => {
      const look = (): Ended | true | undefined =>
        this.#first(this.#room) ? this.#put(batch, parcel, true) : undefined;
      const left = end === Number.POSITIVE_INFINITY ? limits : { timeout: Math.max(0, end - performance.now()) };
      const ended = this.#block(this.#room, look, left, 'room');
      return ended === true ? undefined : (ended ?? Ended.timedOut);
    });
  }

  /** As {@link put}, for which there must be room at once. */
  putNow(parcel: Parcel): Ended | undefined {
    return this.#putAll(parcel, () => Ended.timedOut);
  }

  #putAll(parcel: Parcel, wait: (batch: Batch) => Ended | undefined): Ended | undefined {
    while (parcel.next < parcel.values.length) {
      const area = wire.enter();
      let batch: Batch | undefined;
      try {
        batch = wire.write(area, parcel);
        const ended = this.#tryPut(batch, parcel) ?? (batch.count > 0 ? wait(batch) : undefined);
        if (ended !== undefined) return ended;
      } finally {
        if (batch !== undefined) wire.drop(batch);
        wire.leave();
      }
    }
    return undefined;
  }

  /** Puts what has room of a batch, if nobody of this isolate waits for room. Answers why nothing can be put ever. */
  #tryPut(batch: Batch, parcel: Parcel): Ended | undefined {
    const put = this.#first(this.#room) ? this.#put(batch, parcel, false) : undefined;
    return put === true ? undefined : put;
  }

  #putKept(kept: Batch[], parcel: Parcel): Ended | true | undefined {
    for (const batch of kept) {
      const put = this.#put(batch, parcel, true);
      if (put !== true) return put;
    }
    return true;
  }

  /** True: all of the batch was put. Undefined: there is no room for the next message. */
  #put(batch: Batch, parcel: Parcel, wait: boolean): Ended | true | undefined {
    while (batch.count > 0) {
      let answer: number;
      try {
        answer = native.ringPut(this.block, batch.at, batch.end - batch.at, wait);
      } catch (cause) {
        throw noMemory(cause);
      }
      const put = answer >>> 2;
      const why = answer & 3;
      parcel.count += put;
      wire.skip(batch, put);
      if (why === Put.full && put === 0) return undefined;
      if (why > Put.full) return why === Put.broken ? Ended.broken : Ended.shut;
    }
    return true;
  }

  /** Those who wait already in this isolate come first. False: they wait still. */
  #first(line: WaitingLine): boolean {
    if (line.length === 0) return true;
    line.look();
    return line.length === 0;
  }

  /** Takes up to `max` values that are there. Answers them, or why there will be none; undefined: there are none now. */
  getNow(max: number): unknown[] | Ended | undefined {
    return this.#first(this.#items) ? this.#take(max, false) : undefined;
  }

  /** As {@link getNow}, waiting for a value. */
  async get(max: number, limits: WaitLimits): Promise<unknown[] | Ended> {
    const got = this.getNow(max) ?? (await this.#items.wait(() => this.#take(max, true), limits));
    return got === timedOut ? Ended.timedOut : got;
  }

  getSync(max: number, limits: WaitLimits): unknown[] | Ended {
    const got = this.getNow(max);
    if (got !== undefined) return got;
    const look = (): unknown[] | Ended | undefined => (this.#first(this.#items) ? this.#take(max, true) : undefined);
    return this.#block(this.#items, look, limits, 'a value') ?? Ended.timedOut;
  }

  #take(max: number, wait: boolean): unknown[] | Ended | undefined {
    if (this.#errors.length > 0) throw this.#errors.shift();
    const area = wire.enter();
    try {
      const count = wire.take(this.block, area, Math.min(max, MAX_COUNT), wait, this.cell);
      if (count <= 0) return count === Got.ended ? Ended.shut : undefined;
      const values = wire.read(area, count, this.#errors);
      if (values.length > 0) return values;
    } finally {
      wire.leave();
    }
    throw this.#errors.shift();
  }

  /** Waits until there is a value, or none will come. False: the time is up. */
  async ready(limits: WaitLimits): Promise<boolean> {
    if (this.#ready(false)) return true;
    return (await this.#items.wait(() => this.#ready(true) || undefined, limits)) !== timedOut;
  }

  readySync(limits: WaitLimits): boolean {
    if (this.#ready(false)) return true;
    return this.#block(this.#items, () => this.#ready(true) || undefined, limits, 'a value') === true;
  }

  #ready(wait: boolean): boolean {
    return this.#errors.length > 0 || native.ringReady(this.block, wait);
  }

  /** Waits until everything that was put is done. False: the time is up. */
  async join(limits: WaitLimits): Promise<boolean> {
    const since = this.state.epoch;
    return (await this.#joined.wait(() => native.ringJoin(this.block, since, true) || undefined, limits)) !== timedOut;
  }

  joinSync(limits: WaitLimits): boolean {
    const since = this.state.epoch;
    if (native.ringJoin(this.block, since, false)) return true;
    const look = (): true | undefined => native.ringJoin(this.block, since, true) || undefined;
    return this.#block(this.#joined, look, limits, 'an end of all that was put') === true;
  }

  shut(flags: number): void {
    native.ringShut(this.block, flags, this.cell);
  }

  /** @throws DeadlockError if the wait has no limit, and nobody but this thread can reach the ring */
  #block<T>(line: WaitingLine, attempt: () => T | undefined, limits: WaitLimits, what: string): T | undefined {
    let due = performance.now() + ALONE_MS;
    const look = (): T | undefined => {
      // What the thread does meanwhile for its pools may close the handle.
      this.check();
      const value = attempt();
      if (value === undefined && performance.now() >= due) {
        mustHaveHope(this.block, limits, alone(what));
        due = performance.now() + ALONE_MS;
      }
      return value;
    };
    return blockThread(line, look, limits);
  }
}

const alone = (what: string): string =>
  `No other thread has the other side: there will never be ${what} while this one waits`;
