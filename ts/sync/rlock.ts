import { inspect } from 'node:util';
import { StateError } from '../internal/errors.js';
import { Facet, handleKey, type SharedHandle } from '../internal/handles.js';
import { nativePath } from '../internal/native.js';
import { adopt, createObject, ObjectKind, ObjectLayout, Opened, onOpen, refuseClones } from '../shared/objects.js';
import { guarded, RGuard } from './guard.js';
import { LockState, type Suspended } from './lock-state.js';
import { type AcquireOptions, acquireOptions } from './options.js';
import { notInTime } from './wait-errors.js';

/** Who holds the lock within its isolate: the thread itself, a guard, or a task that called `acquire()`. */
const THREAD = Symbol('the thread');
const TASK = Symbol('a task');
type Owner = typeof THREAD | typeof TASK | RGuard;

/**
 * A lock that its holder can take again. Blocking methods hold it for the thread, which may take it as often as it
 * likes. Async tasks of one thread are told apart: each `acquire()` and `hold()` is a holder of its own, and takes the
 * lock once more only through its guard's `withLock`.
 *
 * Only the holder can release it, as often as it took it.
 *
 * Python: `multiprocessing.RLock`.
 * @example
 * const lock = new RLock();
 * await lock.withLock(async (guard) => {
 *   await guard.withLock(async () => { … }); // taken twice
 * });
 */
export class RLock implements SharedHandle {
  /** @internal */
  readonly state: LockState;
  /** The Value or Array that contains this lock, which the lock keeps alive. */
  readonly #within: object | undefined;
  #owner: Owner | undefined;
  #depth = 0;
  /** How often those guards took the lock that a condition's wait has let go of for them. */
  readonly #suspended = new Map<RGuard, number>();

  /** A free lock. */
  constructor();
  /** @internal */
  constructor(from: Opened);
  constructor(from?: Opened) {
    const block = from?.block ?? createObject(ObjectKind.rlock, [0, 0, 0], ObjectLayout.state);
    this.#within = from?.within;
    if (this.#within === undefined) adopt(this, block);
    refuseClones(this);
    this.state = new LockState(block);
  }

  /** @internal */
  get [handleKey](): SharedHandle[typeof handleKey] {
    const facet = this.#within === undefined ? Facet.object : Facet.lock;
    return { addon: nativePath, block: this.state.block, facet };
  }

  /** Whether the holder before this one died, so that what the lock guards may be half done: mend it. */
  get recovered(): boolean {
    return this.state.recovered;
  }

  /**
   * Waits until the lock is free, and takes it for a holder of its own: it is not taken again by a second `acquire()` of
   * the same task, which waits. Answers false when the time is up.
   *
   * Python: `acquire(block=True, timeout=None)`.
   * @throws OwnerDiedError if the holder died, unless `recover` is set
   * @throws the signal's reason when it fires
   * @throws InterruptedError on Ctrl+C
   */
  async acquire(options?: AcquireOptions): Promise<boolean> {
    if (!(await this.state.acquire(acquireOptions(options)))) return false;
    this.#take(TASK);
    return true;
  }

  /**
   * Takes the lock for this thread, once more if the thread holds it; otherwise blocks until it is free. Answers false
   * when the time is up. A signal is looked at as the wait begins: it cannot fire meanwhile.
   * @throws DeadlockError if an async task of this thread holds the lock and no `timeout` is given
   * @throws OwnerDiedError if the holder died, unless `recover` is set
   */
  acquireSync(options?: AcquireOptions): boolean {
    if (options === undefined && this.state.take()) {
      this.#take(THREAD);
      return true;
    }
    const checked = acquireOptions(options);
    if (this.#owner === THREAD) {
      this.#depth++;
      return true;
    }
    if (!this.state.acquireSync(checked)) return false;
    this.#take(THREAD);
    return true;
  }

  /**
   * Takes the lock for this thread if it is free or the thread's already: answers whether it did, at once.
   * Python: `acquire(block=False)`.
   * @throws OwnerDiedError if the holder died
   */
  tryAcquire(): boolean {
    if (this.#owner === THREAD) {
      this.#depth++;
      return true;
    }
    if (!this.state.tryAcquire()) return false;
    this.#take(THREAD);
    return true;
  }

  /**
   * Gives the lock back once; it is free when that was done as often as it was taken.
   * @throws StateError if this thread does not hold it, or if a guard does, which is to be released instead
   */
  release(): void {
    if (this.#owner === undefined) throw new StateError('The RLock is released by a thread that does not hold it');
    if (typeof this.#owner === 'object') throw new StateError('The RLock is held by a guard: release the guard');
    this.#give();
  }

  /** Whether anybody holds it now. */
  locked(): boolean {
    return this.state.holder !== 0;
  }

  /**
   * Takes the lock, and gives a guard that releases it: `using guard = await lock.hold()`.
   * @throws TimeoutError when the time is up
   * @throws OwnerDiedError if the holder died, unless `recover` is set
   */
  async hold(options?: AcquireOptions): Promise<RGuard> {
    if (!(await this.state.acquire(acquireOptions(options)))) throw notInTime('The lock');
    return this.#guard();
  }

  /**
   * Calls `fn` while the lock is held; through the guard that it is given, `fn` can take the lock once more. Gives what
   * `fn` gives. Python: `with lock:`.
   * @throws as {@link hold} does, and what `fn` throws
   */
  async withLock<R>(fn: (guard: RGuard) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    return guarded(await this.hold(options), fn);
  }

  /**
   * Calls `fn` while this thread holds the lock, blocking the thread until it is free. `fn` must not be async.
   * @throws TimeoutError when the time is up
   * @throws DeadlockError if an async task of this thread holds the lock and no `timeout` is given
   */
  withLockSync<R>(fn: () => R, options?: AcquireOptions): R {
    if (!this.acquireSync(options)) throw notInTime('The lock');
    try {
      return fn();
    } finally {
      this.release();
    }
  }

  /** As {@link Lock.suspend}, however often it was taken. @internal */
  suspend(abandoned: () => void): Suspended {
    const owner = this.#owner;
    const depth = this.#depth;
    const suspended = this.#suspended;
    const guard = typeof owner === 'object' ? owner : undefined;
    if (guard !== undefined) {
      guard.abandoned = abandoned;
      suspended.set(guard, depth);
    }
    this.#owner = undefined;
    this.#depth = 0;
    this.state.release();
    return {
      get abandoned() {
        return guard !== undefined && suspended.get(guard) === 0;
      },
      resume: (taken) => {
        if (taken) this.#owner = owner;
        if (taken) this.#depth = guard === undefined ? depth : (suspended.get(guard) ?? 0);
        if (guard === undefined) return;
        guard.abandoned = undefined;
        suspended.delete(guard);
      },
    };
  }

  #take(owner: Owner): void {
    this.#owner = owner;
    this.#depth = 1;
  }

  #give(): void {
    if (--this.#depth > 0) return;
    this.#owner = undefined;
    this.state.releaseOwn();
  }

  #guard(): RGuard {
    const give = () => {
      const taken = this.#suspended.get(guard);
      if (taken === undefined) {
        if (this.#owner === guard) this.#give();
        return;
      }
      this.#suspended.set(guard, taken - 1);
      if (taken === 1) guard.abandoned?.();
    };
    const enter = () => {
      if (this.#owner !== guard) throw new StateError('A wait() has let go of the lock that the guard holds');
      this.#depth++;
      return give;
    };
    const guard: RGuard = new RGuard(give, this.recovered, enter);
    this.#take(guard);
    return guard;
  }

  [inspect.custom](): string {
    const times = this.#depth > 1 ? `, ${this.#depth} times` : '';
    return `RLock {${this.state.describe()}${times}}`;
  }
}

onOpen(ObjectKind.rlock, (block) => new RLock(new Opened(block)));
