import { inspect } from 'node:util';
import { block as blockThread, mustHaveHope } from '../internal/blocking.js';
import { expected } from '../internal/describe.js';
import { StateError } from '../internal/errors.js';
import { handleKey } from '../internal/handles.js';
import { native } from '../internal/native.js';
import { integerFrom } from '../internal/options/checks.js';
import { timedOut, WaitingLine } from '../internal/waiting.js';
import type { WaitOptions } from '../pool/options.js';
import {
  constantOf,
  createObject,
  ObjectKind,
  ObjectLayout,
  Opened,
  onOpen,
  openHandle,
  SharedObject,
} from '../shared/objects.js';
import { ConditionWait } from './condition-wait.js';
import type { Guard } from './guard.js';
import { Lock } from './lock.js';
import { type AcquireOptions, waitOptions } from './options.js';
import { RLock } from './rlock.js';

/** Bytes of a condition's object. The same number is in `crates/core/src/primitives/condition/mod.rs`. */
const CONDITION_BYTES = 680;

const count = integerFrom(1);

/**
 * A lock, and waiting until something that the lock guards has changed: who waits lets go of the lock meanwhile, and has
 * it again when the wait ends. Each notification wakes one that waits, the oldest first.
 *
 * Python: `multiprocessing.Condition` (whose lock is an RLock by default).
 * @example
 * // In a worker:
 * await condition.withLock(async () => {
 *   await condition.waitFor(() => state.value === 4);
 * });
 * // Elsewhere:
 * await condition.withLock(() => { state.value = 4; condition.notifyAll(); });
 */
export class Condition extends SharedObject {
  readonly #lock: Lock | RLock;
  readonly #line: WaitingLine;

  /**
   * @param lock the lock to wait with. @default a new Lock
   * @throws TypeError if it is not a Lock or an RLock
   */
  constructor(lock?: Lock | RLock);
  /** @internal */
  constructor(from: Opened);
  constructor(from: Lock | RLock | Opened = new Lock()) {
    super(from instanceof Opened ? from.block : makeCondition(from));
    const block = this.objectBlock;
    this.#lock = from instanceof Opened ? lockOf(block) : from;
    // Nothing is left at the object: a waiter has a ticket of its own.
    this.#line = new WaitingLine({ all: true, leave: () => {} });
  }

  /** As {@link Lock.acquire}, of the condition's lock. */
  acquire(options?: AcquireOptions): Promise<boolean> {
    return this.#lock.acquire(options);
  }

  /** As {@link Lock.acquireSync}, of the condition's lock. */
  acquireSync(options?: AcquireOptions): boolean {
    return this.#lock.acquireSync(options);
  }

  /** As {@link Lock.tryAcquire}, of the condition's lock. */
  tryAcquire(): boolean {
    return this.#lock.tryAcquire();
  }

  /** As {@link Lock.release}, of the condition's lock. */
  release(): void {
    this.#lock.release();
  }

  /** As {@link Lock.hold}, of the condition's lock. */
  hold(options?: AcquireOptions): Promise<Guard> {
    return this.#lock.hold(options);
  }

  /** As {@link Lock.withLock}, of the condition's lock. */
  withLock<R>(fn: (guard: Guard) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    return this.#lock.withLock(fn, options);
  }

  /** As {@link Lock.withLockSync}, of the condition's lock. */
  withLockSync<R>(fn: () => R, options?: AcquireOptions): R {
    return this.#lock.withLockSync(fn, options);
  }

  /**
   * Lets go of the lock, waits for a notification, and takes the lock again. True: notified; false: the time is up.
   * The lock is held again in either case, and also when the signal ends the wait.
   *
   * Python: `wait(timeout=None)`.
   * @throws StateError if this thread does not hold the lock
   * @throws the signal's reason when it fires
   * @throws OwnerDiedError if the lock's next holder died with it: then it is not held
   * @throws InterruptedError on Ctrl+C: the lock is held again if it could be had within half a second
   * @throws StateError if the lock's guard is released, or its `withLock` ends, before the wait has: `await` is missing
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    const limits = this.#start('wait', options);
    const wait = new ConditionWait(this.objectBlock, this.#lock, this.#line);
    try {
      wait.ended((await this.#line.wait(wait.look, limits)) !== timedOut);
    } catch (error) {
      wait.failed(error);
    }
    return wait.takeBack();
  }

  /**
   * As {@link wait}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile.
   * @throws DeadlockError if no other thread has the condition, so that nobody could notify, and no `timeout` is given
   */
  waitSync(options?: WaitOptions): boolean {
    const limits = this.#start('waitSync', options);
    const why = 'No other thread has this condition: nobody could notify this one while it waits';
    mustHaveHope(this.objectBlock, limits, why);
    const wait = new ConditionWait(this.objectBlock, this.#lock, this.#line);
    try {
      wait.ended(blockThread(this.#line, wait.look, limits) === true);
    } catch (error) {
      wait.failed(error);
    }
    return wait.takeBackSync();
  }

  /**
   * Waits until `predicate` gives something true, which it then gives; when the time is up, what it gave last. The
   * predicate is called with the lock held, at first and after each notification.
   *
   * Python: `wait_for(predicate, timeout=None)`.
   * @throws as {@link wait} does
   */
  async waitFor<R>(predicate: () => R, options?: WaitOptions): Promise<R> {
    const { timeout, signal } = waitOptions(options);
    const end = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
    for (;;) {
      this.#mustHold('waitFor');
      const value = predicate();
      const left = end - performance.now();
      if (value || left <= 0) return value;
      await this.wait({
        ...(timeout === undefined ? {} : { timeout: left }),
        ...(signal === undefined ? {} : { signal }),
      });
    }
  }

  /** As {@link waitFor}, blocking the calling thread. */
  waitForSync<R>(predicate: () => R, options?: WaitOptions): R {
    const { timeout, signal } = waitOptions(options);
    signal?.throwIfAborted();
    const end = performance.now() + (timeout ?? Number.POSITIVE_INFINITY);
    for (;;) {
      this.#mustHold('waitForSync');
      const value = predicate();
      const left = end - performance.now();
      if (value || left <= 0) return value;
      this.waitSync(timeout === undefined ? undefined : { timeout: left });
    }
  }

  /**
   * Wakes the oldest that wait; nobody, if nobody waits.
   * @param n how many. @default 1
   * @throws StateError if this thread does not hold the lock
   */
  notify(n = 1): void {
    count(n, 'n');
    this.#mustHold('notify');
    this.#notify(n);
  }

  /** Wakes all that wait. Python: `notify_all()`. @throws StateError if this thread does not hold the lock */
  notifyAll(): void {
    this.#mustHold('notifyAll');
    this.#notify(Number.MAX_SAFE_INTEGER);
  }

  #notify(n: number): void {
    if (native.conditionNotify(this.objectBlock, n)) this.#line.look();
  }

  #start(method: string, options: WaitOptions | undefined): WaitOptions {
    const limits = waitOptions(options);
    this.#mustHold(method);
    limits.signal?.throwIfAborted();
    return limits;
  }

  #mustHold(method: string): void {
    if (!this.#lock.state.heldHere)
      throw new StateError(`${method}() needs the condition's lock, which this thread does not hold`);
  }

  [inspect.custom](): string {
    return `Condition {${inspect(this.#lock)}}`;
  }
}

function makeCondition(lock: unknown): number {
  if (!(lock instanceof Lock || lock instanceof RLock)) {
    throw new TypeError(expected('lock', 'a Lock or an RLock', lock));
  }
  const { block, facet } = lock[handleKey];
  return createObject(ObjectKind.condition, [block, facet, 0], CONDITION_BYTES, [block]);
}

/** The lock of a condition that exists. */
function lockOf(block: number): Lock | RLock {
  const lock = openHandle(constantOf(block, ObjectLayout.a), constantOf(block, ObjectLayout.b));
  if (!(lock instanceof Lock || lock instanceof RLock)) throw new StateError("The condition's lock is gone");
  return lock;
}

onOpen(ObjectKind.condition, (block) => new Condition(new Opened(block)));
