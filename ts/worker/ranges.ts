import { Thrown } from '../internal/codec/hooks.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { CONCURRENCY_SHIFT, Flag, Lane, Part, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Output } from '../internal/output.js';
import { isThenable } from '../internal/thenable.js';
import type { Inputs } from './inputs.js';
import { columnOf, type Results } from './results.js';
import type { Runner, Stop } from './runners.js';
import type { TaskLane, Tasks } from './tasks.js';

/** Results of a chunk whose size the caller chose are kept back for so many milliseconds at the most. */
const PUBLISH_MS = 5;

/** Runs what a lane claims of a job of many tasks. */
export class Ranges {
  readonly #tasks: Tasks;
  readonly #inputs: Inputs;
  readonly #results: Results;
  readonly #output: Output;
  readonly #settled: (lane: number) => void;
  readonly #stop: Stop = { index: 0, value: undefined };

  /** @param settled - called when a claim with an asynchronous task has ended, and its results are in place */
  constructor(tasks: Tasks, inputs: Inputs, results: Results, output: Output, settled: (lane: number) => void) {
    this.#tasks = tasks;
    this.#inputs = inputs;
    this.#results = results;
    this.#output = output;
    this.#settled = settled;
  }

  /** Runs what `lane` has claimed of the job in `slot`. True: its results are in place; false: it is asynchronous. */
  run(lane: TaskLane, slot: number, kind: number, runner: Runner): boolean {
    const tasks = this.#tasks;
    const inputs = this.#inputs;
    const { at } = lane;
    const start = memory.u32[at + Lane.start];
    const alone = !runner.asynchronous && kind >>> CONCURRENCY_SHIFT <= 1;
    if (alone) tasks.current = lane;
    const end = memory.u32[slot * SLOT_WORDS + Slot.base] + start + memory.u32[at + Lane.count];
    const numbers = (kind & Flag.star) === 0 && alone ? inputs.numbers(slot, end) : undefined;
    const results: unknown[] = [];
    lane.partial = results;
    if (memory.u32[slot * SLOT_WORDS + Slot.chunk] !== 0) lane.publishedAt = performance.now();
    let next = start;
    if (numbers !== undefined) {
      const pending = this.#column(at, slot, runner, numbers, results);
      if (pending === undefined) {
        lane.partial = undefined;
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
    const tasks = this.#tasks;
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
    lane: TaskLane,
    slot: number,
    kind: number,
    runner: Runner,
    results: unknown[],
    next: number,
  ): PromiseLike<unknown> | undefined {
    const tasks = this.#tasks;
    const inputs = this.#inputs;
    const at = lane.at;
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
        const value = alone ? apply(fn, item, star) : tasks.runAmongOthers(lane, () => apply(fn, item, star));
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
  #itemEnded(lane: TaskLane, slot: number, results: unknown[], failed: boolean): boolean {
    const { at, publishedAt } = lane;
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
  #publish(lane: TaskLane, slot: number, results: unknown[]): void {
    this.#output.flush();
    this.#results.ofItems(lane.at, slot, results);
    native.publishPart(lane.lane, results.length);
    results.length = 0;
    lane.publishedAt = performance.now();
  }

  /** The rest of a claim, from an asynchronous item on: one after the other. */
  async #rangeLater(
    lane: TaskLane,
    slot: number,
    kind: number,
    runner: Runner,
    results: unknown[],
    first: PromiseLike<unknown>,
  ): Promise<void> {
    const at = lane.at;
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
    this.#settled(lane.lane);
  }

  #finishRange(lane: TaskLane, slot: number, results: unknown[]): void {
    this.#tasks.current = undefined;
    lane.partial = undefined;
    this.#results.ofItems(lane.at, slot, results);
  }
}

function apply(fn: AnyFunction, item: unknown, star: boolean): unknown {
  return star ? fn(...(item as unknown[])) : fn(item);
}
