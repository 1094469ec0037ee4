import { Thrown } from '../internal/codec/hooks.js';
import {
  Advance,
  CONCURRENCY_SHIFT,
  CONTROL_WORDS,
  Control,
  Flag,
  LANE_WORDS,
  Lane,
  SLOT_BYTES,
  SLOT_WORDS,
  Slot,
} from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Output } from '../internal/output.js';
import { Calls } from './calls.js';
import type { WorkerAttachments } from './hooks.js';
import type { Inputs } from './inputs.js';
import type { MemoryLimit } from './memory-limit.js';
import { Ranges } from './ranges.js';
import type { Results } from './results.js';
import type { Runner, Runners } from './runners.js';
import { TaskLane, type Tasks } from './tasks.js';

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
  readonly memoryLimit: MemoryLimit | undefined;
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
  readonly #calls: Calls;
  readonly #ranges: Ranges;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#limit = parts.concurrency;
    const { tasks, inputs, results, output } = parts;
    const settled = (lane: number) => this.#settled(lane);
    this.#calls = new Calls(tasks, inputs, results, settled);
    this.#ranges = new Ranges(tasks, inputs, results, output, settled);
  }

  /** Whether no task is in flight. */
  get idle(): boolean {
    return this.#inFlight === 0;
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
      slot = native.advance(lane, Advance.complete | Advance.take | this.#retire());
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
    const slot = native.advance(lane, Advance.complete | next | this.#retire());
    if (slot >= 0) {
      if (!this.#work(lane, slot)) this.#pump(0);
      return;
    }
    this.#free.push(lane);
    if (next !== 0) this.#rest(slot);
    else if (this.#leaving && this.#inFlight === 0) this.#parts.leave();
  }

  /** Whether the worker has outgrown its limit: then it takes nothing more. */
  #retire(): number {
    return this.#parts.memoryLimit?.exceeded() ? Advance.retire : 0;
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
    const claim = this.#lanes[lane];
    return (kind & 0xff) === 0
      ? this.#calls.run(claim, slot, kind, runner)
      : this.#ranges.run(claim, slot, kind, runner);
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
}
