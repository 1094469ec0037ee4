import { Thrown } from '../internal/codec/index.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import {
  Advance,
  ARGS_MASK,
  Args,
  CONCURRENCY_SHIFT,
  CONTROL_WORDS,
  Control,
  Flag,
  LANE_WORDS,
  Lane,
  Part,
  SLOT_BYTES,
  SLOT_WORDS,
  Slot,
} from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { tidy } from '../internal/numbers.js';
import type { WorkerAttachments } from './hooks.js';
import type { Inputs } from './inputs.js';
import type { Output } from './output.js';
import { columnOf, type Results } from './results.js';
import type { Runner, Runners, Stop } from './runners.js';
import { TaskLane, type Tasks } from './tasks.js';

/** Results of a chunk whose size the caller chose are kept back for so many milliseconds at the most. */
const PUBLISH_MS = 5;

/** What the loop works with. */
export interface LoopParts {
  readonly control: number;
  readonly concurrency: number;
  readonly runners: Runners;
  readonly attachments: WorkerAttachments;
  readonly inputs: Inputs;
  readonly results: Results;
  readonly tasks: Tasks;
  readonly output: Output;
  leave(): void;
}

/**
 * The worker's loop: take a job, run it, complete it and take the next in one call of the addon. Without work it
 * returns to the event loop, and a ring brings it back; so timers and sockets of the user's stay alive. A task that is
 * asynchronous keeps its lane until it settles; others run meanwhile as far as `concurrency` allows.
 */
export class Loop {
  readonly #parts: LoopParts;
  readonly #lanes: TaskLane[] = [];
  readonly #free: number[] = [];
  /** Tasks that have started and not settled. */
  #inFlight = 0;
  /** How many may be in flight: what the most recent job says. */
  #limit: number;
  #leaving = false;
  #yielding = false;
  readonly #stop: Stop = { index: 0, value: undefined };

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#limit = parts.concurrency;
  }

  /** The event loop has turned: looks for cancelled tasks, and for work. */
  turn(): void {
    const control = this.#parts.control / 4;
    memory.u32[control + Control.beat]++;
    if (this.#inFlight > 0) for (const lane of this.#lanes) lane.notice();
    this.#pump(Advance.turned);
  }

  /** The thread ends in the middle of claims: what they have is not lost with it. */
  rescue(): void {
    for (const lane of this.#lanes) {
      if (lane.slot === 0 || lane.partial === undefined || lane.partial.length === 0) continue;
      this.#parts.results.ofItems(lane.at, lane.slot, lane.partial);
    }
  }

  #pump(turned: number): void {
    let flags = Advance.take | turned;
    while (this.#inFlight < this.#limit && !this.#leaving) {
      const lane = this.#takeLane();
      const slot = native.advance(lane, flags);
      flags = Advance.take;
      if (slot < 0) {
        this.#free.push(lane);
        this.#rest(slot);
        return;
      }
      if (this.#work(lane, slot)) return;
    }
  }

  /** There is nothing to take now. */
  #rest(answer: number): void {
    if (answer === Advance.yield) {
      if (this.#yielding) return;
      this.#yielding = true;
      setImmediate(() => {
        this.#yielding = false;
        this.turn();
      });
    } else if (answer === Advance.leave) {
      this.#leaving = true;
      if (this.#inFlight === 0) this.#parts.leave();
    } else {
      this.#parts.inputs.forget();
    }
  }

  #takeLane(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const lane = this.#lanes.length;
    const at = this.#parts.control / 4 + CONTROL_WORDS + lane * LANE_WORDS;
    this.#lanes.push(new TaskLane(this.#parts.tasks, lane, at));
    memory.u32[this.#parts.control / 4 + Control.lanes] = this.#lanes.length;
    return lane;
  }

  /** Runs the job in `lane`, and those that follow, until one is asynchronous (false) or there are none (true). */
  #work(lane: number, first: number): boolean {
    let slot = first;
    while (this.#run(lane, slot)) {
      this.#parts.output.flush();
      slot = native.advance(lane, Advance.complete | Advance.take);
      if (slot < 0) {
        this.#free.push(lane);
        this.#rest(slot);
        return true;
      }
    }
    this.#inFlight++;
    return false;
  }

  /** An asynchronous task has settled; its result is in place. */
  #settled(lane: number): void {
    this.#inFlight--;
    this.#parts.tasks.current = undefined;
    this.#parts.output.flush();
    const next = this.#inFlight < this.#limit && !this.#leaving && !this.#yielding ? Advance.take : 0;
    const slot = native.advance(lane, Advance.complete | next);
    if (slot >= 0) {
      if (!this.#work(lane, slot)) this.#pump(0);
      return;
    }
    this.#free.push(lane);
    if (next !== 0) this.#rest(slot);
    else if (this.#leaving && this.#inFlight === 0) this.#parts.leave();
  }

  /** Starts the job in `slot`. True: it is done, its result is in place. */
  #run(lane: number, slot: number): boolean {
    const { runners } = this.#parts;
    memory.ensure((slot + 1) * SLOT_BYTES);
    const kind = memory.u32[slot * SLOT_WORDS + Slot.kind];
    this.#limit = kind >>> CONCURRENCY_SHIFT;
    let runner: Runner | Promise<Runner>;
    try {
      runner = runners.of(slot);
    } catch (error) {
      this.#failed(lane, slot, kind, error);
      return true;
    }
    if ((kind & Flag.parcel) !== 0) {
      void this.#withParcel(lane, slot, kind, runner);
      return false;
    }
    if (runner instanceof Promise) {
      this.#later(lane, slot, kind, runner);
      return false;
    }
    return this.#start(lane, slot, kind, runner);
  }

  /** Something was moved with the arguments: the owner has it, and is asked for it. */
  async #withParcel(lane: number, slot: number, kind: number, loading: Runner | Promise<Runner>): Promise<void> {
    const { attachments, results } = this.#parts;
    // Its failure is looked at below.
    if (loading instanceof Promise) loading.catch(() => {});
    const parcel = await attachments.parcelFor(slot);
    let done = true;
    try {
      const runner = await loading;
      if (parcel === undefined) {
        results.withoutParcel(slot);
      } else {
        // The task starts now, and its time limit with it.
        memory.u32[this.#lanes[lane].at + Lane.began] = native.nowMs();
        done = attachments.opening(parcel, () => this.#start(lane, slot, kind, runner));
      }
    } catch (error) {
      this.#failed(lane, slot, kind, error);
    }
    if (done) this.#settled(lane);
  }

  #start(lane: number, slot: number, kind: number, runner: Runner): boolean {
    return (kind & 0xff) === 0 ? this.#call(lane, slot, kind, runner) : this.#range(lane, slot, kind, runner);
  }

  /** The function is being imported. */
  #later(lane: number, slot: number, kind: number, loading: Promise<Runner>): void {
    const done = () => this.#settled(lane);
    loading.then(
      (runner) => {
        if (this.#start(lane, slot, kind, runner)) done();
      },
      (error: unknown) => {
        this.#failed(lane, slot, kind, error);
        done();
      },
    );
  }

  /** The function cannot be had: every task of the claim fails. */
  #failed(lane: number, slot: number, kind: number, error: unknown): void {
    const { results } = this.#parts;
    if ((kind & 0xff) === 0) {
      results.ofFailedCall(slot, error);
    } else {
      const at = this.#lanes[lane].at;
      const count = memory.u32[at + Lane.count];
      results.ofItems(at, slot, new Array(count).fill(new Thrown(error)));
    }
  }

  // ---------------------------------------------------------------------------------------------- calls

  #call(lane: number, slot: number, kind: number, runner: Runner): boolean {
    const { tasks, results } = this.#parts;
    let value: unknown;
    try {
      if (runner.asynchronous || kind >>> CONCURRENCY_SHIFT > 1) {
        value = tasks.runAmongOthers(this.#lanes[lane], () => this.#apply(slot, kind, runner));
      } else {
        tasks.current = this.#lanes[lane];
        value = this.#apply(slot, kind, runner);
      }
      if (isThenable(value)) {
        runner.asynchronous = true;
        this.#awaitCall(lane, slot, value);
        return false;
      }
    } catch (error) {
      tasks.current = undefined;
      results.ofFailedCall(slot, error);
      return true;
    }
    tasks.current = undefined;
    results.ofCall(slot, value);
    return true;
  }

  #apply(slot: number, kind: number, runner: Runner): unknown {
    const { fn } = runner;
    switch (kind & ARGS_MASK) {
      case Args.number:
        return fn(tidy(memory.f64[(slot * SLOT_WORDS + Slot.number) >>> 1]));
      case Args.none:
        return fn();
      default:
        return fn(...this.#parts.inputs.args(slot));
    }
  }

  #awaitCall(lane: number, slot: number, value: PromiseLike<unknown>): void {
    const { results } = this.#parts;
    Promise.resolve(value).then(
      (result) => {
        results.ofCall(slot, result);
        this.#settled(lane);
      },
      (error: unknown) => {
        results.ofFailedCall(slot, error);
        this.#settled(lane);
      },
    );
  }

  // --------------------------------------------------------------------------------------------- ranges

  #range(lane: number, slot: number, kind: number, runner: Runner): boolean {
    const { tasks, inputs } = this.#parts;
    const at = this.#lanes[lane].at;
    const start = memory.u32[at + Lane.start];
    const alone = !runner.asynchronous && kind >>> CONCURRENCY_SHIFT <= 1;
    if (alone) tasks.current = this.#lanes[lane];
    const end = memory.u32[slot * SLOT_WORDS + Slot.base] + start + memory.u32[at + Lane.count];
    const numbers = (kind & Flag.star) === 0 && alone ? inputs.numbers(slot, end) : undefined;
    const results: unknown[] = [];
    this.#lanes[lane].partial = results;
    if (memory.u32[slot * SLOT_WORDS + Slot.chunk] !== 0) this.#lanes[lane].publishedAt = performance.now();
    let next = start;
    if (numbers !== undefined) {
      const pending = this.#column(at, slot, runner, numbers, results);
      if (pending === undefined) {
        this.#lanes[lane].partial = undefined;
        return true;
      }
      if (isThenable(pending.value)) {
        runner.asynchronous = true;
        void this.#rangeLater(lane, slot, kind, runner, results, pending.value);
        return false;
      }
      next = start + results.length;
    }
    const promise = this.#items(lane, slot, kind, runner, results, next);
    if (promise !== undefined) {
      void this.#rangeLater(lane, slot, kind, runner, results, promise);
      return false;
    }
    this.#finishRange(lane, slot, results);
    return true;
  }

  /**
   * Runs the claimed items as a loop over numbers. Undefined: all results are in the column. Otherwise the loop stopped:
   * `results` has what came before, and also the value or error that stopped it unless that is a promise.
   */
  #column(
    at: number,
    slot: number,
    runner: Runner,
    numbers: { items: ArrayLike<number>; at: number },
    results: unknown[],
  ): { value: unknown } | undefined {
    const { tasks } = this.#parts;
    const job = slot * SLOT_WORDS;
    const base = memory.u32[job + Slot.base];
    const start = memory.u32[at + Lane.start];
    const end = start + memory.u32[at + Lane.count];
    const outAt = columnOf(slot, base + end);
    const { u32, f64 } = memory;
    const stop = this.#stop;
    let thrown: Thrown | undefined;
    try {
      const { loop, fn } = runner;
      const [current, published, cancelled] = [at + Lane.current, at + Lane.published, job + Slot.cancelled];
      if (
        loop(
          fn,
          numbers.items,
          numbers.at + base,
          f64,
          outAt + base,
          start,
          end,
          u32,
          current,
          published,
          cancelled,
          stop,
        )
      ) {
        tasks.current = undefined;
        u32[at + Lane.resultTag] = Part.column;
        return undefined;
      }
    } catch (error) {
      stop.index = u32[at + Lane.current];
      thrown = new Thrown(error);
    }
    for (let i = start; i < stop.index; i++) results.push(f64[outAt + base + i]);
    // From here on the results travel as a page.
    u32[at + Lane.published] = 0;
    const value = thrown ?? stop.value;
    stop.value = undefined;
    try {
      if (isThenable(value)) return { value };
      results.push(value);
    } catch (error) {
      results.push(new Thrown(error));
    }
    return { value: undefined };
  }

  /** Runs the claimed items from `next` on. A promise: the item after those in `results` is asynchronous. */
  #items(
    lane: number,
    slot: number,
    kind: number,
    runner: Runner,
    results: unknown[],
    next: number,
  ): PromiseLike<unknown> | undefined {
    const { tasks, inputs } = this.#parts;
    const at = this.#lanes[lane].at;
    const { u32 } = memory;
    const base = u32[slot * SLOT_WORDS + Slot.base];
    const end = u32[at + Lane.start] + u32[at + Lane.count];
    const { fn } = runner;
    const star = (kind & Flag.star) !== 0;
    const alone = !runner.asynchronous && kind >>> CONCURRENCY_SHIFT <= 1;
    const chunked = u32[slot * SLOT_WORDS + Slot.chunk] !== 0;
    for (let i = next; i < end; i++) {
      u32[at + Lane.current] = i;
      let failed = false;
      try {
        const item = inputs.item(slot, base + i);
        const value = alone
          ? apply(fn, item, star)
          : tasks.runAmongOthers(this.#lanes[lane], () => apply(fn, item, star));
        if (isThenable(value)) {
          runner.asynchronous = true;
          return value;
        }
        results.push(value);
      } catch (error) {
        results.push(new Thrown(error));
        failed = true;
      }
      if (chunked && this.#itemEnded(lane, slot, results, failed)) return undefined;
    }
    return undefined;
  }

  /** An item of a chunk has ended. True: nobody waits for the rest. */
  #itemEnded(lane: number, slot: number, results: unknown[], failed: boolean): boolean {
    const { at, publishedAt } = this.#lanes[lane];
    const count = memory.u32[at + Lane.count];
    if (Atomics.load(memory.i32, slot * SLOT_WORDS + Slot.cancelled) !== 0) {
      results.length = count;
      return true;
    }
    const more = results.length < count;
    if (more && (failed || performance.now() - publishedAt > PUBLISH_MS)) this.#publish(lane, slot, results);
    return false;
  }

  /** What a long claim has so far goes to the owner: it need not wait for it, and a death does not cost it. */
  #publish(lane: number, slot: number, results: unknown[]): void {
    this.#parts.output.flush();
    this.#parts.results.ofItems(this.#lanes[lane].at, slot, results);
    native.publishPart(lane, results.length);
    results.length = 0;
    this.#lanes[lane].publishedAt = performance.now();
  }

  /** The rest of a claim, from an asynchronous item on: one after the other. */
  async #rangeLater(
    lane: number,
    slot: number,
    kind: number,
    runner: Runner,
    results: unknown[],
    first: PromiseLike<unknown>,
  ): Promise<void> {
    const at = this.#lanes[lane].at;
    const chunked = memory.u32[slot * SLOT_WORDS + Slot.chunk] !== 0;
    let promise: PromiseLike<unknown> | undefined = first;
    while (promise !== undefined) {
      let failed = false;
      try {
        results.push(await promise);
      } catch (error) {
        results.push(new Thrown(error));
        failed = true;
      }
      if (chunked && this.#itemEnded(lane, slot, results, failed)) break;
      promise = this.#items(lane, slot, kind, runner, results, memory.u32[at + Lane.start] + results.length);
    }
    this.#finishRange(lane, slot, results);
    this.#settled(lane);
  }

  #finishRange(lane: number, slot: number, results: unknown[]): void {
    this.#parts.tasks.current = undefined;
    this.#lanes[lane].partial = undefined;
    this.#parts.results.ofItems(this.#lanes[lane].at, slot, results);
  }
}

function apply(fn: AnyFunction, item: unknown, star: boolean): unknown {
  return star ? fn(...(item as unknown[])) : fn(item);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
