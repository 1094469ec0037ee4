import { Thrown } from '../internal/codec/index.js';
import { TimeoutError } from '../internal/errors.js';
import { Flag, Kind, Part, payloadOf, Record, Result, SLOT_WORDS, Slot, State } from '../internal/layout.js';
import { memory, noMemory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { tidy } from '../internal/numbers.js';
import { flagsOf, reported } from './call-job.js';
import type { Core } from './core.js';
import type { Job, Waiting } from './job.js';
import { whenLost } from './losses.js';
import { consequence, type Policy } from './policy.js';
import { freeInput, type RangeInput, writeView } from './range-input.js';
import { offAbort, onAbort } from './signals.js';

/** Who gets the results of a range, item by item, in the order in which they come. */
export interface RangeSink {
  /** Results `start …` are numbers, in `numbers` from `at` on. */
  numbers(start: number, count: number, numbers: Float64Array, at: number): void;
  /** Results `start …` are these values. */
  values(start: number, values: readonly unknown[]): void;
  value(index: number, value: unknown): void;
  error(index: number, error: unknown): void;
  /** Every item has a result or an error. */
  done(): void;
  /** The whole call ends with this error; nothing follows. */
  failed(error: unknown): void;
}

/** One call of `map`: many tasks over one encoded input. */
export class RangeJob {
  readonly core: Core;
  readonly policy: Policy | undefined;
  /** Index of the first item within the caller's call. */
  readonly first: number;
  readonly #sink: RangeSink;
  readonly #fn: number;
  readonly #input: RangeInput;
  readonly #items: number;
  readonly #chunk: number;
  readonly #flags: number;
  /** The block for results that are numbers, 0 = none. */
  #column = 0;
  #open = 0;
  #unsettled: number;
  #ended = false;
  /** Items that have their outcome while their attempt still runs, or that will run again after it. */
  #settledItems: Map<number, 'settled' | { pause: number }> | undefined;
  readonly #slots = new Set<RangeSlot>();

  constructor(
    core: Core,
    fn: number,
    input: RangeInput,
    items: number,
    options: { chunk: number; star: boolean; policy: Policy | undefined; first: number },
    sink: RangeSink,
  ) {
    this.core = core;
    this.policy = options.policy;
    this.#fn = fn;
    this.#input = input;
    this.#items = items;
    this.#unsettled = items;
    this.#chunk = options.chunk;
    this.#flags = (flagsOf(core, options.policy) | (options.star ? Flag.star : 0)) >>> 0;
    this.#sink = sink;
    this.first = options.first;
  }

  /** Hands the range to the workers, or queues it. Throws what `Core.began` throws. */
  start(): void {
    const { core } = this;
    this.#column = memory.alloc(this.#items * 8);
    try {
      core.began(this.#items);
    } catch (error) {
      native.free(this.#column);
      throw error;
    }
    core.ranges.add(this);
    if (this.policy !== undefined) core.timeLimits.add(this.policy.timeout);
    onAbort(this.policy?.signal, this.#onAbort);
    this.#startSlot(0, this.#items, 1, this.#items);
  }

  /** Drops the items that no worker has claimed yet. */
  drop(): void {
    for (const slot of this.#slots) slot.drop();
  }

  /** Ends the call with an error; tasks that run are stopped, and killed after the grace period. */
  abort(error: unknown): void {
    if (this.#ended) return;
    // First, so that what a worker claims from here on it does not run.
    this.drop();
    for (const { slot } of this.#slots) this.core.stopper.stop(slot, this.policy?.grace ?? this.core.options.grace);
    this.#giveUp(error);
  }

  refuse(error: unknown): void {
    if (this.#ended) return;
    for (const { slot } of this.#slots) this.core.stopper.tell(slot);
    this.#giveUp(error);
  }

  #giveUp(error: unknown): void {
    this.drop();
    this.#end();
    this.#sink.failed(error);
  }

  // ------------------------------------------------------------------------------------ from RangeSlot

  part(start: number, count: number, tag: number, block: number, bytes: number): void {
    const { core } = this;
    if (this.#ended) {
      // Read all the same: what came with it has to be taken.
      if (block !== 0) this.#decode(block, bytes, count);
      return;
    }
    const late = this.#settledItems;
    if (tag === Part.column && late === undefined) {
      core.completed += count;
      const at = payloadOf(this.#column) / 8 + start;
      this.#settle(count, () => this.#sink.numbers(start, count, memory.f64, at));
      return;
    }
    const values = tag === Part.column ? undefined : this.#decode(block, bytes, count);
    if (values !== undefined && late === undefined && !values.some(isThrown)) {
      core.completed += count;
      this.#settle(count, () => this.#sink.values(start, values));
      return;
    }
    for (let i = 0; i < count && !this.#ended; i++) {
      const index = start + i;
      if (late?.has(index)) {
        this.#attemptOver(index);
        continue;
      }
      const value = values === undefined ? tidy(memory.f64[payloadOf(this.#column) / 8 + index]) : values[i];
      if (value instanceof Thrown) this.#failed(index, value.error);
      else this.#succeeded(index, value);
    }
  }

  lost(index: number, seat: number, attempt: number): void {
    if (this.#ended) return;
    if (this.#settledItems?.has(index)) {
      this.#attemptOver(index);
      return;
    }
    if (this.core.workers.at(seat)?.farewell === 'killed' && this.core.running) {
      // The worker was ended because of another task: this one runs again, and that is no retry.
      this.#startSlot(index, 1, attempt);
      return;
    }
    this.#open++;
    whenLost(this.core, { seat, index: this.first + index, attempt }, (error) => {
      this.#open--;
      if (!this.#ended) this.#failed(index, error, attempt);
      this.#maybeFree();
    });
  }

  timedOut(index: number, attempt: number, stop: () => void): void {
    if (this.#ended || this.#settledItems?.has(index)) return;
    stop();
    const error = new TimeoutError(`Task ${this.first + index} took longer than ${this.policy?.timeout} ms`);
    const next = consequence(this.policy, attempt, error);
    this.#settledItems ??= new Map();
    if ('pause' in next) {
      this.#settledItems.set(index, next);
      this.#attempts.set(index, attempt);
    } else {
      this.#settledItems.set(index, 'settled');
      this.#report(index, next.error);
    }
  }

  report(index: number, block: number, bytes: number): void {
    if (this.#ended) native.free(block);
    else reported(this.core, this, this.first + index, block, bytes);
  }

  /** A slot of this range was given back. */
  closed(slot: RangeSlot): void {
    this.#slots.delete(slot);
    this.#open--;
    this.#maybeFree();
  }

  // --------------------------------------------------------------------------------------------- inside

  readonly #attempts = new Map<number, number>();

  readonly #onAbort = (): void => this.abort(this.policy?.signal?.reason);

  #decode(block: number, bytes: number, count: number): readonly unknown[] {
    if (block === 0) return new Array(count).fill(new Thrown(noMemory()));
    const from = payloadOf(block);
    memory.ensure(from + bytes);
    try {
      return this.core.decoder.decode(memory, from, from + bytes);
    } catch (error) {
      return new Array(count).fill(new Thrown(error));
    } finally {
      native.free(block);
    }
  }

  #succeeded(index: number, value: unknown): void {
    this.core.completed++;
    this.#attempts.delete(index);
    this.#settle(1, () => this.#sink.value(index, value));
  }

  #failed(index: number, error: unknown, attempt = this.#attempts.get(index) ?? 1): void {
    const next = consequence(this.policy, attempt, error);
    if ('pause' in next) {
      this.#attempts.set(index, attempt);
      this.#retry(index, next.pause);
    } else {
      this.#report(index, next.error);
    }
  }

  #report(index: number, error: unknown): void {
    this.core.failed++;
    this.#attempts.delete(index);
    this.#settle(1, () => this.#sink.error(index, error));
  }

  /** The attempt of an item that had timed out has really ended. */
  #attemptOver(index: number): void {
    const state = this.#settledItems?.get(index);
    this.#settledItems?.delete(index);
    if (this.#settledItems?.size === 0) this.#settledItems = undefined;
    if (typeof state === 'object') this.#retry(index, state.pause);
  }

  #retry(index: number, ms: number): void {
    const attempt = this.#attempts.get(index) ?? 1;
    this.#attempts.set(index, attempt + 1);
    const again = () => {
      this.#open--;
      if (!this.#ended) this.#startSlot(index, 1, attempt + 1);
      this.#maybeFree();
    };
    this.#open++;
    if (ms === 0) again();
    else this.core.agenda.in(ms, again);
  }

  /** Starts a slot for all items (`tasks` of them), or for one that runs again (0: it has been counted before). */
  #startSlot(base: number, items: number, attempt: number, tasks = 0): void {
    const slot = new RangeSlot(this, base, items, attempt);
    this.#slots.add(slot);
    this.#open++;
    const waiting: Waiting = {
      tasks,
      start: () => {
        if (!this.#ended) return slot.start(this.#fn, this.#input, this.#flags, this.#chunk, this.#column);
        slot.abandon();
        return true;
      },
      refuse: (error) => {
        slot.abandon();
        this.refuse(error);
      },
    };
    try {
      if (tasks === 0) this.core.enqueueFirst(waiting);
      else this.core.enqueue(waiting);
    } catch (error) {
      waiting.refuse(error);
    }
  }

  /** `count` items have their outcome: they are accounted for, then the sink is told, and at last that all are done. */
  #settle(count: number, tell: () => void): void {
    this.#unsettled -= count;
    const last = this.#unsettled === 0;
    if (last) this.#end();
    this.core.finished(count);
    tell();
    if (last) this.#sink.done();
  }

  #end(): void {
    this.#ended = true;
    if (this.policy !== undefined) this.core.timeLimits.remove(this.policy.timeout);
    offAbort(this.policy?.signal, this.#onAbort);
    if (this.#unsettled > 0) this.core.finished(this.#unsettled);
    this.#unsettled = 0;
    this.#maybeFree();
  }

  #maybeFree(): void {
    if (this.#ended && this.#open === 0) this.dispose();
  }

  /** Frees its memory. No worker may touch it any more. */
  dispose(): void {
    if (!this.core.ranges.delete(this)) return;
    native.free(this.#column);
    freeInput(this.#input);
  }
}

function isThrown(value: unknown): boolean {
  return value instanceof Thrown;
}

/** A job slot of a range: all of its items at first, one item that runs again later. */
class RangeSlot implements Job {
  slot = 0;
  readonly #job: RangeJob;
  readonly #base: number;
  readonly #items: number;
  readonly #attempt: number;
  /** Items that are not accounted for: while there are any, a worker may read the slot and the input. */
  #left: number;

  constructor(job: RangeJob, base: number, items: number, attempt: number) {
    this.#job = job;
    this.#base = base;
    this.#items = items;
    this.#left = items;
    this.#attempt = attempt;
  }

  get policy(): Policy | undefined {
    return this.#job.policy;
  }

  start(fn: number, input: RangeInput, flags: number, chunk: number, column: number): boolean {
    const { core } = this.#job;
    if (core.slots.take(this) === 0) return false;
    const at = this.slot * SLOT_WORDS;
    const { u32 } = memory;
    u32[at + Slot.fn] = fn;
    u32[at + Slot.kind] = (Kind.range | input.kind | flags) >>> 0;
    u32[at + Slot.argBytes] = input.view?.length ?? input.table;
    u32[at + Slot.argBlock] = input.block;
    u32[at + Slot.items] = this.#items;
    u32[at + Slot.pages] = input.pages;
    u32[at + Slot.base] = this.#base;
    u32[at + Slot.first] = this.#job.first;
    u32[at + Slot.resultTag] = Result.none;
    u32[at + Slot.resultBlock] = column;
    u32[at + Slot.chunk] = chunk;
    u32[at + Slot.call] = core.nextCall();
    u32[at + Slot.cancelled] = 0;
    u32[at + Slot.attempt] = this.#attempt << 16;
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
      this.#job.part(this.#base + a, b, c, d, e);
      this.#account(b);
    } else if (kind === Record.dropped) {
      this.#account(a);
    } else if (kind === Record.lost) {
      this.#job.lost(this.#base + a, b, this.#attempt);
      this.#account(1);
    } else if (kind === Record.report) {
      this.#job.report(this.#base + a, d, e);
    }
  }

  timedOut(index: number, stop: () => void): void {
    this.#job.timedOut(this.#base + index, this.#attempt, stop);
  }

  refuse(error: unknown): void {
    this.#job.refuse(error);
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
