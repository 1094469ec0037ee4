import { AsyncLocalStorage } from 'node:async_hooks';
import { TimeoutError } from '../internal/errors.js';
import type { LateCodec } from '../internal/late.js';
import { Lane, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { CurrentTask } from '../pool/current-task.js';
import type { WorkerAttachments } from './hooks.js';

/** A lane of this worker: what it runs now, as the task itself sees it. */
export class TaskLane {
  readonly lane: number;
  /** Index of the lane's first word. */
  readonly at: number;
  #controller: AbortController | undefined;
  #controllerOf = '';
  readonly #tasks: Tasks;
  /** Results of the items that the lane's claim has run so far. */
  partial: unknown[] | undefined;
  /** When results of a long claim went to the owner last. */
  publishedAt = 0;

  constructor(tasks: Tasks, lane: number, at: number) {
    this.#tasks = tasks;
    this.lane = lane;
    this.at = at;
  }

  get slot(): number {
    return memory.u32[this.at + Lane.slot];
  }

  /** Whether nobody waits for the running task any more. */
  get unwanted(): boolean {
    const { i32 } = memory;
    const { slot, at } = this;
    if (slot === 0) return false;
    return (
      Atomics.load(i32, at + Lane.unwanted) === i32[at + Lane.claim] ||
      Atomics.load(i32, slot * SLOT_WORDS + Slot.cancelled) !== 0
    );
  }

  /** Fires the task's signal if it is time. */
  notice(): void {
    if (this.#controller !== undefined && this.#controllerOf === this.#name && this.unwanted) {
      this.#controller.abort(new TimeoutError('The task timed out or was cancelled'));
    }
  }

  /** The running task, for the user's code. */
  describe(): CurrentTask {
    const lane = this;
    const { slot, at } = this;
    const job = slot * SLOT_WORDS;
    const { u32 } = memory;
    const claim = u32[at + Lane.claim];
    const item = u32[at + Lane.current];
    const isRange = (u32[job + Slot.kind] & 0xff) !== 0;
    const over = () => memory.u32[at + Lane.claim] !== claim || memory.u32[at + Lane.current] !== item;
    return {
      id: u32[job + Slot.call],
      attempt: u32[job + Slot.attempt] >>> 16,
      workerId: this.#tasks.workerId,
      index: isRange ? u32[job + Slot.first] + u32[job + Slot.base] + item : u32[job + Slot.items],
      state: this.#tasks.state,
      get signal() {
        return lane.#signal();
      },
      cancelled: () => over() || lane.unwanted,
      report: (value) => {
        if (!over()) this.#tasks.report(this, value);
      },
    };
  }

  get #name(): string {
    return `${memory.u32[this.at + Lane.claim]}.${memory.u32[this.at + Lane.current]}`;
  }

  #signal(): AbortSignal {
    if (this.#controller === undefined || this.#controllerOf !== this.#name) {
      this.#controller = new AbortController();
      this.#controllerOf = this.#name;
      this.notice();
    }
    return this.#controller.signal;
  }
}

/** Which task is running, for `currentTask()`. */
export class Tasks {
  readonly workerId: number;
  readonly #codec: LateCodec;
  readonly #attachments: WorkerAttachments;
  /** What the initializer returned. */
  state: unknown;
  /** The lane whose synchronous task runs; of asynchronous ones, the storage knows. */
  current: TaskLane | undefined;
  #storage: AsyncLocalStorage<TaskLane> | undefined;

  constructor(workerId: number, codec: LateCodec, attachments: WorkerAttachments) {
    this.workerId = workerId;
    this.#codec = codec;
    this.#attachments = attachments;
  }

  /** Runs `body` as the task in `lane`, and everything asynchronous that it starts. */
  runAmongOthers<R>(lane: TaskLane, body: () => R): R {
    this.#storage ??= new AsyncLocalStorage();
    return this.#storage.run(lane, body);
  }

  currentTask(): CurrentTask | null {
    const lane = this.#storage?.getStore() ?? this.current;
    return lane === undefined || lane.slot === 0 ? null : lane.describe();
  }

  report(lane: TaskLane, value: unknown): void {
    const { encoder } = this.#codec;
    try {
      encoder.encodeOne(memory, 0, 0, value);
    } catch (error) {
      this.#attachments.discard();
      throw error;
    }
    this.#attachments.send();
    const { scratch, length } = encoder;
    native.report(lane.lane, memory.store(scratch.u8, length, encoder.takeHandles()), length);
  }
}
