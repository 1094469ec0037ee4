import { Kind, Record, Result, SLOT_WORDS, Slot, State } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Job } from './job.js';
import type { Policy } from './policy.js';
import { type RangeInput, writeView } from './range-input.js';
import type { RangeJob } from './range-job.js';

/** What a slot of a range stands for: a part of its items at first, one item that runs again later. */
export interface Share {
  readonly input: RangeInput;
  readonly base: number;
  readonly items: number;
  readonly attempt: number;
  /** The call's number: that of the range, but for an item that runs again, which has to be read again. */
  readonly call: number;
}

/** A job slot of a range. */
export class RangeSlot implements Job {
  slot = 0;
  readonly #job: RangeJob;
  readonly #share: Share;
  /** Items that are not accounted for: while there are any, a worker may read the slot and the input. */
  #left: number;

  constructor(job: RangeJob, share: Share) {
    this.#job = job;
    this.#share = share;
    this.#left = share.items;
  }

  get policy(): Policy | undefined {
    return this.#job.policy;
  }

  /** Hands it to the workers. False: there is no room for it. */
  start(fn: number, flags: number, chunk: number, column: number): boolean {
    const { core } = this.#job;
    const { input, base, items, attempt, call } = this.#share;
    if (core.slots.take(this) === 0) return false;
    const at = this.slot * SLOT_WORDS;
    const { u32 } = memory;
    u32[at + Slot.fn] = fn;
    u32[at + Slot.kind] = (Kind.range | input.kind | flags) >>> 0;
    u32[at + Slot.argBytes] = input.view?.length ?? input.table;
    u32[at + Slot.argBlock] = input.block;
    u32[at + Slot.items] = items;
    u32[at + Slot.pages] = input.pages;
    u32[at + Slot.base] = base;
    u32[at + Slot.first] = this.#job.first;
    u32[at + Slot.resultTag] = Result.none;
    u32[at + Slot.resultBlock] = column;
    u32[at + Slot.chunk] = chunk;
    u32[at + Slot.call] = call;
    u32[at + Slot.cancelled] = 0;
    u32[at + Slot.attempt] = attempt << 16;
    u32[at + Slot.state] = State.running;
    try {
      if (input.view !== undefined) writeView(this.slot, input.view);
      if (core.dispatch.range(this.slot)) return true;
    } catch (error) {
      this.#forgetBlocks();
      core.slots.release(this.slot);
      throw error;
    }
    this.#forgetBlocks();
    core.slots.release(this.slot);
    return false;
  }

  /** It never started. */
  abandon(): void {
    this.#job.closed(this);
  }

  drop(): void {
    if (this.slot !== 0) Atomics.store(memory.i32, this.slot * SLOT_WORDS + Slot.cancelled, 1);
  }

  record(kind: number, a: number, b: number, c: number, d: number, e: number): void {
    if (kind === Record.part) {
      this.#job.part(this.#share.base + a, b, c, d, e);
      this.#account(b);
    } else if (kind === Record.dropped) {
      this.#account(a);
    } else if (kind === Record.lost) {
      this.#job.lost(this.#share.base + a, b, this.#share.attempt);
      this.#account(1);
    } else if (kind === Record.report) {
      this.#job.report(this.#share.base + a, d, e);
    }
  }

  timedOut(index: number, stop: () => void): void {
    this.#job.timedOut(this.#share.base + index, this.#share.attempt, stop);
  }

  refuse(error: unknown): void {
    this.#job.refuse(error);
  }

  abort(reason: unknown): void {
    this.#job.abort(reason);
  }

  #account(items: number): void {
    this.#left -= items;
    if (this.#left > 0) return;
    const { core } = this.#job;
    native.closeRange(core.id, this.slot);
    // The input and the column belong to the whole range, not to this slot.
    this.#forgetBlocks();
    core.release(this.slot);
    this.#job.closed(this);
  }

  #forgetBlocks(): void {
    const at = this.slot * SLOT_WORDS;
    memory.u32[at + Slot.argBlock] = 0;
    memory.u32[at + Slot.resultBlock] = 0;
  }
}
