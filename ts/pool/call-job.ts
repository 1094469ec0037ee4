import type { MessagePort } from 'node:worker_threads';
import { SerializationError, TimeoutError } from '../internal/errors.js';
import {
  Args,
  Flag,
  Kind,
  PAYLOAD_END,
  PAYLOAD_START,
  Record,
  Result,
  SLOT_BYTES,
  SLOT_WORDS,
  Slot,
  State,
} from '../internal/layout.js';
import { memory, noMemory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { tidy } from '../internal/numbers.js';
import { offAbort, onAbort } from '../internal/signals.js';
import type { Luggage } from './attachments.js';
import type { Core } from './core.js';
import { readReport, readResult } from './from-worker.js';
import type { Job, Waiting } from './job.js';
import { whenLost } from './losses.js';
import type { Transferable } from './options.js';
import { type Consequence, consequence, flagsOf, type Policy } from './policy.js';

/** One call of a function: a job of one task. */
export class CallJob implements Job {
  slot = 0;
  attempt = 1;
  readonly #core: Core;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly policy: Policy | undefined;
  /** Index of the task, if it is one of many. */
  readonly #index: number;
  #settled = false;
  /** The task timed out and is to run again, after this pause, once the attempt is really over. */
  #again: number | undefined;
  #luggage: Luggage | undefined;
  /** Its place in the queue of those that wait for room, if it had to wait. */
  #waiting: Waiting | undefined;
  /** What was moved is with a worker, and cannot be given to another. */
  #parcelGone = false;

  constructor(
    core: Core,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    policy: Policy | undefined,
    index: number,
  ) {
    this.#core = core;
    this.#index = index;
    this.#resolve = resolve;
    this.#reject = reject;
    this.policy = policy;
  }

  /** Encodes the arguments and hands the job to the workers, or queues it. */
  start(fn: number, args: readonly unknown[], transfer: readonly Transferable[] | undefined): void {
    const core = this.#core;
    const signal = this.policy?.signal;
    if (signal?.aborted) {
      this.#reject(signal.reason);
      return;
    }
    core.began(1);
    if (this.policy !== undefined) core.timeLimits.add(this.policy.timeout);
    onAbort(signal, this.#onAbort);
    const outer = core.attachments.begin();
    try {
      if (core.backlog.open && core.slots.take(this) !== 0) {
        this.#write(fn, args, transfer);
        this.#submit();
      } else {
        this.#startLater(fn, args, transfer);
      }
    } catch (error) {
      core.attachments.discard();
      if (this.slot !== 0) core.release(this.slot);
      this.#settle();
      this.#reject(error);
    } finally {
      core.attachments.resume(outer);
    }
  }

  record(kind: number, _a: number, b: number, _c: number, d: number, e: number): void {
    switch (kind) {
      case Record.called:
        this.#called();
        break;
      case Record.lost:
        this.#lost(b);
        break;
      case Record.cancelled:
        this.#core.release(this.slot);
        break;
      case Record.report:
        readReport(this.#core, this, this.#index, d, e);
        break;
    }
  }

  refuse(error: unknown): void {
    if (this.#settled) return;
    if (!this.#unqueue()) this.#core.stopper.tell(this.slot);
    this.#settle();
    this.#reject(error);
  }

  giveParcel(port: MessagePort): void {
    const parcel = this.#luggage?.parcel;
    if (parcel === undefined || this.#settled || this.#again !== undefined || this.#parcelGone) {
      port.postMessage({ parcelFor: this.slot });
      return;
    }
    this.#parcelGone = true;
    port.postMessage({ parcelFor: this.slot, parcel }, [parcel]);
  }

  /** The task has run for longer than it may, on the worker that `stop` stops. */
  timedOut(_index: number, stop: () => void): void {
    if (this.#settled || this.#again !== undefined) return;
    stop();
    const next = this.#consequence(new TimeoutError(`The task took longer than ${this.policy?.timeout} ms`));
    if ('pause' in next) this.#again = next.pause;
    else this.#fail(next.error);
  }

  readonly #onAbort = (): void => this.abort(this.policy?.signal?.reason);

  /** Ends the call with `reason`; a task that runs is stopped, and its worker replaced after the grace period. */
  abort(reason: unknown): void {
    if (this.#settled) return;
    // Only one that a worker has need be stopped; there may be thousands that wait.
    if (!this.#unqueue()) this.#core.stopper.stop(this.slot, this.policy?.grace ?? this.#core.options.grace);
    this.#fail(reason);
  }

  /** Takes the job back if no worker has it yet. False: one has. */
  #unqueue(): boolean {
    if (this.slot === 0) return true;
    const at = this.slot * SLOT_WORDS;
    Atomics.store(memory.i32, at + Slot.cancelled, 1);
    return Atomics.compareExchange(memory.i32, at + Slot.state, State.queued, State.cancelled) === State.queued;
  }

  #called(): void {
    const at = this.slot * SLOT_WORDS;
    const { u32 } = memory;
    const tag = u32[at + Slot.resultTag];
    if (this.#settled) {
      this.#discardResult(tag);
      this.#core.release(this.slot);
    } else if (this.#again !== undefined) {
      this.#retry(this.#again);
    } else if (tag === Result.number) {
      const value = tidy(memory.f64[(at + Slot.number) >>> 1]);
      this.#core.release(this.slot);
      this.#succeed(value);
    } else if (tag === Result.none) {
      this.#core.release(this.slot);
      this.#succeed(undefined);
    } else {
      this.#decoded(tag);
    }
  }

  /** Nobody waits for the result; what came with it has to be taken all the same. */
  #discardResult(tag: number): void {
    if (tag !== Result.message && tag !== Result.thrown) return;
    try {
      readResult(this.#core, this.slot);
    } catch {
      // Nobody waits for it.
    }
  }

  #decoded(tag: number): void {
    let value: unknown;
    let thrown = tag === Result.thrown;
    try {
      if (tag === Result.noMemory) throw noMemory();
      if (tag === Result.noParcel) throw new SerializationError('What was moved with the arguments is gone');
      value = readResult(this.#core, this.slot);
    } catch (error) {
      value = error;
      thrown = true;
    }
    if (thrown) {
      this.#failedAttempt(value);
    } else {
      this.#core.release(this.slot);
      this.#succeed(value);
    }
  }

  #lost(seat: number): void {
    // A result that was not handed over went with its worker.
    memory.u32[this.slot * SLOT_WORDS + Slot.resultBlock] = 0;
    if (this.#settled) {
      this.#core.release(this.slot);
      return;
    }
    if (this.#again !== undefined) {
      this.#retry(this.#again);
      return;
    }
    const killed = this.#core.workers.at(seat)?.farewell === 'killed' && this.#core.running;
    if (killed && this.#keeps()) {
      // The worker was ended because of another task: this one runs again, and that is no retry.
      this.#submitAgain();
      return;
    }
    whenLost(this.#core, { seat, index: this.#index, attempt: this.attempt }, (error) => {
      if (this.#settled) {
        if (this.slot !== 0) this.#core.release(this.slot);
        return;
      }
      this.#failedAttempt(error);
    });
  }

  /** The attempt is over, and has failed. */
  #failedAttempt(error: unknown): void {
    const next = this.#consequence(error);
    if ('pause' in next) {
      this.#retry(next.pause);
    } else {
      this.#core.release(this.slot);
      this.#fail(next.error);
    }
  }

  /** What was moved to a worker cannot be sent again. */
  #consequence(error: unknown): Consequence {
    return this.#parcelGone ? { error } : consequence(this.policy, this.attempt, error);
  }

  #keeps(): boolean {
    return (memory.u32[this.slot * SLOT_WORDS + Slot.kind] & Flag.keep) !== 0 && !this.#parcelGone;
  }

  #retry(ms: number): void {
    this.attempt++;
    this.#again = undefined;
    if (ms === 0) this.#submitAgain();
    else this.#core.agenda.in(ms, () => this.#submitAgain());
  }

  #submitAgain(): void {
    if (this.#settled) {
      if (this.slot !== 0) this.#core.release(this.slot);
      return;
    }
    const at = this.slot * SLOT_WORDS;
    const { u32 } = memory;
    if (u32[at + Slot.resultBlock] !== 0) native.free(u32[at + Slot.resultBlock]);
    u32[at + Slot.resultBlock] = 0;
    u32[at + Slot.resultTag] = Result.none;
    u32[at + Slot.attempt] = this.attempt << 16;
    u32[at + Slot.state] = State.queued;
    this.#submit();
  }

  #submit(): void {
    this.#core.dispatch.call(this.slot);
  }

  #write(fn: number, args: readonly unknown[], transfer: readonly Transferable[] | undefined): void {
    const only = args.length === 1 ? args[0] : undefined;
    if (typeof only === 'number') {
      this.#fill(fn, Args.number, 0, 0);
      memory.f64[(this.slot * SLOT_WORDS + Slot.number) >>> 1] = only;
      return;
    }
    if (args.length === 0 && transfer === undefined) {
      this.#fill(fn, Args.none, 0, 0);
      return;
    }
    const core = this.#core;
    const from = this.slot * SLOT_BYTES + PAYLOAD_START;
    const until = this.slot * SLOT_BYTES + PAYLOAD_END;
    const moved = transfer === undefined ? undefined : core.attachments.moved(transfer);
    const end = core.encoder.encode(memory, from, until, args, 0, args.length, false, moved);
    if (core.attachments.any) this.#luggage = core.attachments.pack(transfer);
    if (end >= 0) {
      this.#fill(fn, Args.message, 0, end - from);
    } else {
      const { scratch, length } = core.encoder;
      this.#fill(fn, Args.message, memory.store(scratch.u8, length, core.encoder.takeHandles()), length);
    }
  }

  #fill(fn: number, args: number, block: number, bytes: number): void {
    const at = this.slot * SLOT_WORDS;
    const { u32 } = memory;
    const policy = this.policy;
    u32[at + Slot.fn] = fn;
    const flags = policy === undefined ? this.#core.plainFlags : flagsOf(this.#core, policy);
    const parcel = this.#luggage?.parcel === undefined ? 0 : Flag.parcel;
    u32[at + Slot.kind] = (Kind.call | args | flags | parcel) >>> 0;
    u32[at + Slot.argBytes] = bytes;
    u32[at + Slot.argBlock] = block;
    u32[at + Slot.items] = this.#index;
    u32[at + Slot.resultTag] = Result.none;
    u32[at + Slot.resultBlock] = 0;
    u32[at + Slot.call] = this.#core.nextCall();
    u32[at + Slot.cancelled] = 0;
    u32[at + Slot.attempt] = this.attempt << 16;
    u32[at + Slot.state] = State.queued;
  }

  /** There is no room: the arguments are encoded now, as they are, and wait outside. */
  #startLater(fn: number, args: readonly unknown[], transfer: readonly Transferable[] | undefined): void {
    const core = this.#core;
    const moved = transfer === undefined ? undefined : core.attachments.moved(transfer);
    core.encoder.encode(memory, 0, 0, args, 0, args.length, false, moved);
    if (core.attachments.any) this.#luggage = core.attachments.pack(transfer);
    const { scratch, length } = core.encoder;
    const handles = core.encoder.takeHandles();
    const message = Buffer.from(scratch.u8.subarray(0, length));
    this.#waiting = {
      tasks: 1,
      start: () => {
        if (this.#settled) return true;
        if (core.slots.take(this) === 0) return false;
        const fits = handles.length === 0 && message.length <= PAYLOAD_END - PAYLOAD_START;
        const block = fits ? 0 : memory.store(message, message.length, handles);
        if (fits) memory.u8.set(message, this.slot * SLOT_BYTES + PAYLOAD_START);
        this.#fill(fn, Args.message, block, message.length);
        this.#submit();
        return true;
      },
      refuse: (error) => this.refuse(error),
    };
    core.backlog.add(this.#waiting);
  }

  #succeed(value: unknown): void {
    this.#core.completed++;
    this.#settle();
    this.#resolve(value);
  }

  #fail(error: unknown): void {
    this.#core.failed++;
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    if (this.#waiting !== undefined) this.#core.backlog.forget(this.#waiting);
    if (!this.#parcelGone) this.#luggage?.parcel?.close();
    if (this.policy !== undefined) {
      this.#core.timeLimits.remove(this.policy.timeout);
      offAbort(this.policy.signal, this.#onAbort);
    }
    this.#core.finished(1);
  }
}
