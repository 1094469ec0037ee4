import { ARGS_MASK, Args, CONCURRENCY_SHIFT, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { tidy } from '../internal/numbers.js';
import { isThenable } from '../internal/thenable.js';
import type { Inputs } from './inputs.js';
import type { Results } from './results.js';
import type { Runner } from './runners.js';
import type { TaskLane, Tasks } from './tasks.js';

/** Runs jobs of one task. */
export class Calls {
  readonly #tasks: Tasks;
  readonly #inputs: Inputs;
  readonly #results: Results;
  readonly #settled: (lane: number) => void;

  /** @param settled - called when an asynchronous task has ended, and its result is in place */
  constructor(tasks: Tasks, inputs: Inputs, results: Results, settled: (lane: number) => void) {
    this.#tasks = tasks;
    this.#inputs = inputs;
    this.#results = results;
    this.#settled = settled;
  }

  /** Runs the job in `slot`. True: it is done, its result is in place; false: it is asynchronous. */
  run(lane: TaskLane, slot: number, kind: number, runner: Runner): boolean {
    const tasks = this.#tasks;
    const results = this.#results;
    let value: unknown;
    try {
      if (runner.asynchronous || kind >>> CONCURRENCY_SHIFT > 1) {
        value = tasks.runAmongOthers(lane, () => this.#apply(slot, kind, runner));
      } else {
        tasks.current = lane;
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
        return fn(...this.#inputs.args(slot));
    }
  }

  #awaitCall(lane: TaskLane, slot: number, value: PromiseLike<unknown>): void {
    const results = this.#results;
    Promise.resolve(value).then(
      (result) => {
        results.ofCall(slot, result);
        this.#settled(lane.lane);
      },
      (error: unknown) => {
        results.ofFailedCall(slot, error);
        this.#settled(lane.lane);
      },
    );
  }
}
