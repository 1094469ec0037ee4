import { inspect } from 'node:util';
import { block as blockThread, mustHaveHope } from '../internal/blocking.js';
import { expected } from '../internal/describe.js';
import { StateError } from '../internal/errors.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { timedOut, WaitingLine } from '../internal/waiting.js';
import type { WaitOptions } from '../pool/options.js';
import { createObject, fieldOf, ObjectKind, ObjectLayout, Opened, onOpen, SharedObject } from '../shared/objects.js';
import { Guard, guarded } from './guard.js';
import { startWait } from './options.js';
import { notInTime } from './wait-errors.js';

/** The word holds the permits; it is negative where somebody waits. */
const MAX_PERMITS = 2 ** 30 - 1;
/** From a gate's word to its object's kind, in words. */
const KIND = -ObjectLayout.word / 4;

/** What `semaphoreRelease` answers. */
const Released = { ownTurn: 1, tooMany: 2 } as const;

/** Checks a number of permits. */
function permits(value: unknown, name: string, least: number): number {
  const what = `an integer from ${least} to ${MAX_PERMITS}`;
  if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
  if (!Number.isInteger(value) || value < least || value > MAX_PERMITS) {
    throw new RangeError(expected(name, what, value));
  }
  return value;
}

/**
 * A number of permits that threads share: `acquire` takes one and waits while there is none, `release` gives one back.
 * Any thread may release. When a worker is ended in the middle of a task, the permits that it took and did not give back
 * come back; what it took before it ended by itself counts as taken for good.
 *
 * Python: `multiprocessing.Semaphore`.
 * @example
 * const connections = new Semaphore(4);
 * await connections.withLock(async () => fetchOne()); // at most four at a time, in all workers together
 */
export class Semaphore extends SharedObject {
  readonly #words: Int32Array;
  readonly #at: number;
  /** Where this isolate counts the permits that it holds. */
  readonly #cell: number;
  readonly #line: WaitingLine;

  /**
   * @param value how many permits there are at first, from 0 to 2³⁰ − 1. @default 1
   * @throws RangeError if `value` is not such a number
   */
  constructor(value?: number);
  /** @internal */
  constructor(from: number | Opened | undefined, kind?: ObjectKind);
  constructor(from?: number | Opened, kind: ObjectKind = ObjectKind.semaphore) {
    super(from instanceof Opened ? from.block : make(kind, from));
    const block = this.objectBlock;
    this.#words = memory.i32;
    this.#at = fieldOf(block, ObjectLayout.word) / 4;
    this.#cell = native.cell(block) / 4;
    this.#line = new WaitingLine({ tidy: true, leave: () => native.semaphoreLeave(block) });
  }

  /**
   * Takes a permit, waiting while there is none. Answers false when the time is up.
   *
   * Python: `acquire(block=True, timeout=None)`.
   * @throws the signal's reason when it fires
   * @throws InterruptedError on Ctrl+C
   */
  async acquire(options?: WaitOptions): Promise<boolean> {
    const limits = startWait(options);
    if (this.#take()) return true;
    return (await this.#line.wait((others) => this.#look(others), limits)) !== timedOut;
  }

  /**
   * As {@link acquire}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile.
   * @throws DeadlockError if no other thread has the semaphore, so that nobody could release it, and no `timeout` is given
   */
  acquireSync(options?: WaitOptions): boolean {
    if (options === undefined && this.#take()) return true;
    const limits = startWait(options);
    if (this.#take()) return true;
    const why = 'No other thread has this semaphore: nobody could release it while this one waits';
    mustHaveHope(this.objectBlock, limits, why);
    return blockThread(this.#line, (others) => this.#look(others), limits) === true;
  }

  /** Takes a permit if there is one: answers whether it did, at once. Python: `acquire(block=False)`. */
  tryAcquire(): boolean {
    return this.#take();
  }

  /**
   * Gives permits back, whoever took them.
   * @param n how many. @default 1
   * @throws StateError if a {@link BoundedSemaphore} would have more than it had at first
   */
  release(n = 1): void {
    const words = this.#words;
    const count = n === 1 ? 1 : permits(n, 'n', 1);
    const value = Atomics.load(words, this.#at);
    const plain = value >= 0 && value + count <= this.#most;
    if (!plain || Atomics.compareExchange(words, this.#at, value, value + count) !== value) this.#releaseSlowly(count);
    words[this.#cell] -= count;
  }

  /** How many permits there are now. Python: `get_value()`. */
  getValue(): number {
    return Atomics.load(this.#words, this.#at) & MAX_PERMITS;
  }

  /**
   * Takes a permit, and gives a guard that gives it back: `using guard = await semaphore.hold()`.
   * @throws TimeoutError when the time is up
   */
  async hold(options?: WaitOptions): Promise<Guard> {
    if (!(await this.acquire(options))) throw notInTime('The semaphore');
    return new Guard(() => this.release(), false);
  }

  /**
   * Calls `fn` with a permit. Gives what `fn` gives. Python: `with semaphore:`.
   * @throws TimeoutError when the time is up, and what `fn` throws
   */
  async withLock<R>(fn: (guard: Guard) => R | PromiseLike<R>, options?: WaitOptions): Promise<R> {
    return guarded(await this.hold(options), fn);
  }

  /** As {@link withLock}, blocking the calling thread until there is a permit. `fn` must not be async. */
  withLockSync<R>(fn: () => R, options?: WaitOptions): R {
    if (!this.acquireSync(options)) throw notInTime('The semaphore');
    try {
      return fn();
    } finally {
      this.release();
    }
  }

  /** Takes a permit if there is one and nobody waits. */
  #take(): boolean {
    const words = this.#words;
    for (;;) {
      const value = Atomics.load(words, this.#at);
      if (value <= 0) return false;
      if (Atomics.compareExchange(words, this.#at, value, value - 1) === value) {
        words[this.#cell]++;
        return true;
      }
    }
  }

  #look(others: boolean): true | undefined {
    if (!native.semaphoreLook(this.objectBlock, others)) return undefined;
    this.#words[this.#cell]++;
    return true;
  }

  /** The most permits that there may be. */
  get #most(): number {
    const words = this.#words;
    return words[this.#at + KIND] === ObjectKind.boundedSemaphore ? words[this.#at + 1] : MAX_PERMITS;
  }

  #releaseSlowly(count: number): void {
    const released = this.#most === 0 ? Released.tooMany : native.semaphoreRelease(this.objectBlock, count);
    if (released === Released.tooMany)
      throw new StateError('The semaphore is released more often than it was acquired');
    if (released === Released.ownTurn) this.#line.look();
  }

  [inspect.custom](): string {
    return `${this.constructor.name} {${this.getValue()}}`;
  }
}

/**
 * A {@link Semaphore} that never has more permits than at first: releasing it too often is an error.
 *
 * Python: `multiprocessing.BoundedSemaphore`.
 * @example
 * const slots = new BoundedSemaphore(2);
 * slots.release(); // StateError
 */
export class BoundedSemaphore extends Semaphore {
  /**
   * @param value how many permits there are at first and at most, from 0 to 2³⁰ − 1. @default 1
   * @throws RangeError if `value` is not such a number
   */
  constructor(value?: number);
  /** @internal */
  constructor(from: Opened);
  constructor(from?: number | Opened) {
    super(from, ObjectKind.boundedSemaphore);
  }
}

function make(kind: ObjectKind, value: unknown = 1): number {
  const first = permits(value, 'value', 0);
  const block = createObject(kind, [0, 0, 0], ObjectLayout.state);
  memory.i32[fieldOf(block, ObjectLayout.word) / 4] = first;
  memory.i32[fieldOf(block, ObjectLayout.aside) / 4] = kind === ObjectKind.boundedSemaphore ? first : 0;
  return block;
}

onOpen(ObjectKind.semaphore, (block) => new Semaphore(new Opened(block), ObjectKind.semaphore));
onOpen(ObjectKind.boundedSemaphore, (block) => new BoundedSemaphore(new Opened(block)));
