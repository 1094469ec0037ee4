import { Thrown } from '../internal/codec/index.js';
import { TimeoutError } from '../internal/errors.js';
import { Flag, Part, payloadOf } from '../internal/layout.js';
import { memory, noMemory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { tidy } from '../internal/numbers.js';
import { offAbort, onAbort } from '../internal/signals.js';
import type { Core } from './core.js';
import { readReport } from './from-worker.js';
import type { Waiting } from './job.js';
import { whenLost } from './losses.js';
import { consequence, flagsOf, type Policy } from './policy.js';
import { encodeItems, freeInput, type Items, type RangeInput } from './range-input.js';
import { RangeSlot, type Share } from './range-slot.js';

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

/** How a range is run. */
export interface RangePlan {
  /** Items per claim, 0 = as the workers see fit. */
  readonly chunk: number;
  /** Whether each item is a list of arguments. */
  readonly star: boolean;
  readonly policy: Policy | undefined;
  /** Index of the first item within the caller's call. */
  readonly first: number;
}

/** One call of `map`: many tasks, whose items are encoded and handed over part by part. */
export class RangeJob {
  readonly core: Core;
  readonly policy: Policy | undefined;
  readonly first: number;
  readonly #sink: RangeSink;
  readonly #fn: number;
  readonly #items: Items;
  readonly #plan: RangePlan;
  readonly #flags: number;
  readonly #call: number;
  /** The parts that are encoded, in the order of their items. */
  readonly #inputs: RangeInput[] = [];
  /** Slots of the first parts, while the call waits for room. */
  readonly #waiting: RangeSlot[] = [];
  /** The block for results that are numbers, 0 = none. */
  #column = 0;
  #open = 0;
  #unsettled: number;
  #ended = false;
  /** Items that have their outcome while their attempt still runs, or that will run again after it. */
  #settledItems: Map<number, 'settled' | { pause: number }> | undefined;
  readonly #slots = new Set<RangeSlot>();
  /** The call in the queue of those that wait for room: it begins with the parts that it has by then. */
  readonly #opening: Waiting;

  constructor(core: Core, fn: number, items: Items, plan: RangePlan, sink: RangeSink) {
    this.core = core;
    this.policy = plan.policy;
    this.first = plan.first;
    this.#fn = fn;
    this.#items = items;
    this.#plan = plan;
    this.#unsettled = items.length;
    this.#flags = (flagsOf(core, plan.policy) | (plan.star ? Flag.star : 0)) >>> 0;
    this.#call = core.nextCall();
    this.#sink = sink;
    this.#opening = {
      tasks: items.length,
      start: () => {
        for (; this.#waiting.length > 0; this.#waiting.shift()) if (!this.#tryStart(this.#waiting[0])) return false;
        return true;
      },
      refuse: (error) => this.refuse(error),
    };
  }

  /**
   * Hands the range to the workers, or queues it. Throws what `Core.began` throws, and why an item cannot be sent: then
   * those before it may run, and nobody hears of it.
   */
  start(): void {
    const { core } = this;
    const { length } = this.#items;
    this.#column = memory.alloc(length * 8);
    try {
      core.began(length);
    } catch (error) {
      native.free(this.#column);
      throw error;
    }
    core.ranges.add(this);
    if (this.policy !== undefined) core.timeLimits.add(this.policy.timeout);
    onAbort(this.policy?.signal, this.#onAbort);
    const outer = core.attachments.begin();
    try {
      this.#encode();
    } catch (error) {
      core.attachments.discard();
      // Ended by a getter: the sink knows.
      if (this.#ended) return;
      this.#withdraw();
      throw error;
    } finally {
      core.attachments.resume(outer);
    }
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
    this.#end();
    this.#sink.failed(error);
  }

  refuse(error: unknown): void {
    if (this.#ended) return;
    this.#withdraw();
    this.#sink.failed(error);
  }

  /** Nobody wants it any more. */
  #withdraw(): void {
    for (const { slot } of this.#slots) this.core.stopper.tell(slot);
    this.drop();
    this.#end();
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
      this.#again(index, attempt);
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
    else readReport(this.core, this, this.first + index, block, bytes);
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
      if (!this.#ended) this.#again(index, attempt + 1);
      this.#maybeFree();
    };
    this.#open++;
    if (ms === 0) again();
    else this.core.agenda.in(ms, again);
  }

  /** Encodes the items, and hands over each part as soon as it is there. */
  #encode(): void {
    const { core } = this;
    const { chunk, star } = this.#plan;
    for (const input of encodeItems(core, this.#items, star, chunk !== 0)) {
      if (this.#ended) {
        // By somebody's getter, or for want of memory.
        freeInput(input);
        return;
      }
      this.#inputs.push(input);
      const { first: base, items } = input;
      const slot = this.#newSlot({ input, base, items, attempt: 1, call: this.#call });
      if (this.#inputs.length === 1) {
        this.#waiting.push(slot);
        core.backlog.add(this.#opening);
      } else if (this.#waiting.length > 0) {
        this.#waiting.push(slot);
      } else {
        this.#startSlot(slot);
      }
    }
  }

  /** Runs one item again. It has been counted before. */
  #again(index: number, attempt: number): void {
    const input = this.#inputs.findLast(({ first }) => first <= index) as RangeInput;
    this.#startSlot(this.#newSlot({ input, base: index, items: 1, attempt, call: this.core.nextCall() }));
  }

  #newSlot(share: Share): RangeSlot {
    const slot = new RangeSlot(this, share);
    this.#slots.add(slot);
    this.#open++;
    return slot;
  }

  #tryStart(slot: RangeSlot): boolean {
    return slot.start(this.#fn, this.#flags, this.#plan.chunk, this.#column);
  }

  /** Starts a slot of a call that has begun. */
  #startSlot(slot: RangeSlot): void {
    const waiting: Waiting = {
      tasks: 0,
      start: () => {
        if (!this.#ended) return this.#tryStart(slot);
        slot.abandon();
        return true;
      },
      refuse: (error) => {
        slot.abandon();
        this.refuse(error);
      },
    };
    try {
      this.core.backlog.addFirst(waiting);
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
    this.core.backlog.forget(this.#opening);
    for (const slot of this.#waiting.splice(0)) slot.abandon();
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
    for (const input of this.#inputs) freeInput(input);
  }
}

function isThrown(value: unknown): boolean {
  return value instanceof Thrown;
}
