import { block as blockThread } from '../internal/blocking.js';
import { DeadlockError } from '../internal/errors.js';
import { native } from '../internal/native.js';
import { timedOut, WaitingLine, type WaitLimits } from '../internal/waiting.js';
import { type Stored, wire } from './wire.js';

/** What `ringPut` answers besides how many. */
const Put = { full: 1, broken: 3 } as const;
/** What `ringGet` answers instead of how many. */
const Got = { ended: -2 } as const;
/** What `ringLeave` is told. */
const Leave = { items: 0, room: 1, join: 2 } as const;
/** What `ringShut` is told. */
export const Shut = { closed: 1, dropped: 2, readerGone: 4, writerGone: 8 } as const;

/** Why a wait ended without what was waited for. */
export const Ended = { timedOut: 'timed out', shut: 'shut', broken: 'broken' } as const;
export type Ended = (typeof Ended)[keyof typeof Ended];

/** What a ring tells of itself. */
export interface RingState {
  readonly length: number;
  readonly full: boolean;
  readonly flags: number;
  readonly unfinished: number;
  readonly lost: number;
  readonly epoch: number;
}

/** A ring in shared memory, as this isolate sees it: values go in, come out, and are waited for. */
export class RingSide {
  readonly block: number;
  /** Byte offset of the word that counts what this isolate took and has not done; 0: nothing is counted. */
  readonly cell: number;
  readonly #items: WaitingLine;
  readonly #room: WaitingLine;
  readonly #joined: WaitingLine;
  readonly #errors: unknown[] = [];

  constructor(block: number, cell: number) {
    this.block = block;
    this.cell = cell;
    this.#items = new WaitingLine({ leave: () => native.ringLeave(block, Leave.items) });
    this.#room = new WaitingLine({ leave: () => native.ringLeave(block, Leave.room) });
    this.#joined = new WaitingLine({ all: true, leave: () => native.ringLeave(block, Leave.join) });
  }

  get state(): RingState {
    const [length, full, flags, unfinished, lost, epoch] = native.ringState(this.block);
    return { length, full: full !== 0, flags, unfinished, lost, epoch };
  }

  /**
   * Puts what has room, from `values[from]` on. Answers how many were put, or why none; undefined: there is no room.
   * @throws SerializationError if `values[from]` cannot be sent
   */
  tryPut(values: readonly unknown[], from: number): number | Ended | undefined {
    const { count, bytes } = wire.write(values, from, values.length === 1 ? 'value' : 'values');
    let put = 0;
    try {
      const answer = native.ringPut(this.block, wire.area, bytes, false);
      put = answer >>> 2;
      return put > 0 ? put : reasonOf(answer);
    } finally {
      if (put < count) wire.discard(put, count);
    }
  }

  /** As {@link tryPut}, waiting for room; a value that has to wait is the one that it was when the wait began. */
  async put(values: readonly unknown[], from: number, limits: WaitLimits): Promise<number | Ended> {
    if (this.#room.length === 0) {
      const put = this.tryPut(values, from);
      if (put !== undefined) return put;
    }
    const stored = wire.store(values[from], 'value');
    let put: number | Ended | typeof timedOut | undefined;
    try {
      put = await this.#room.wait(() => this.#putStored(stored), limits);
      return put === timedOut ? Ended.timedOut : put;
    } finally {
      if (put !== 1) native.free(stored.block);
    }
  }

  putSync(values: readonly unknown[], from: number, limits: WaitLimits): number | Ended {
    const first = this.tryPut(values, from);
    if (first !== undefined) return first;
    const stored = wire.store(values[from], 'value');
    let put: number | Ended | undefined;
    try {
      put = this.#block(() => this.#putStored(stored), limits, this.#room, Leave.room, 'room');
      return put;
    } finally {
      if (put !== 1) native.free(stored.block);
    }
  }

  #putStored(stored: Stored): number | Ended | undefined {
    const answer = native.ringPut(this.block, wire.area, wire.place(stored), true);
    return answer >>> 2 > 0 ? 1 : reasonOf(answer);
  }

  /** Takes up to `max` values. Answers them, or why there are none; undefined: there are none now. */
  tryGet(max: number, wait: boolean): unknown[] | Ended | undefined {
    // A value among many that could not be read: the others were delivered first.
    if (this.#errors.length > 0) throw this.#errors.shift();
    const count = wire.take(this.block, max, wait, this.cell);
    if (count <= 0) return count === Got.ended ? Ended.shut : undefined;
    const { values, errors } = wire.read(count);
    this.#errors.push(...errors);
    if (values.length === 0) throw this.#errors.shift();
    return values;
  }

  /** As {@link tryGet}, waiting for a value. */
  async get(max: number, limits: WaitLimits): Promise<unknown[] | Ended> {
    if (this.#items.length === 0) {
      const got = this.tryGet(max, false);
      if (got !== undefined) return got;
    }
    const got = await this.#items.wait(() => this.tryGet(max, true), limits);
    return got === timedOut ? Ended.timedOut : got;
  }

  getSync(max: number, limits: WaitLimits): unknown[] | Ended {
    const got = this.tryGet(max, false);
    if (got !== undefined) return got;
    return this.#block(() => this.tryGet(max, true), limits, this.#items, Leave.items, 'a value');
  }

  /** Waits until there is a value, or none will come. False: the time is up. */
  async ready(limits: WaitLimits): Promise<boolean> {
    if (native.ringReady(this.block, false)) return true;
    return (await this.#items.wait(() => native.ringReady(this.block, true) || undefined, limits)) !== timedOut;
  }

  readySync(limits: WaitLimits): boolean {
    if (native.ringReady(this.block, false)) return true;
    const look = (): true | undefined => native.ringReady(this.block, true) || undefined;
    return this.#block(look, limits, this.#items, Leave.items, 'a value') === true;
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
    return this.#block(look, limits, this.#joined, Leave.join, 'all to be done') === true;
  }

  shut(flags: number): void {
    native.ringShut(this.block, flags);
  }

  #block<T>(
    attempt: () => T | undefined,
    limits: WaitLimits,
    line: WaitingLine,
    leave: number,
    what: string,
  ): T | typeof Ended.timedOut {
    if (limits.timeout === undefined && native.onlyHere(this.block)) {
      throw new DeadlockError(`No other thread has this queue: there will never be ${what} while this one waits`);
    }
    let value: T | undefined;
    try {
      value = blockThread(attempt, limits, line);
    } finally {
      if (line.length === 0) native.ringLeave(this.block, leave);
    }
    return value === undefined ? Ended.timedOut : value;
  }
}

/** Why nothing was put; undefined: there was no room. */
function reasonOf(answer: number): Ended | undefined {
  const why = answer & 3;
  if (why === Put.full) return undefined;
  return why === Put.broken ? Ended.broken : Ended.shut;
}
