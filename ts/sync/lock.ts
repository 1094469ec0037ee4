import { inspect } from 'node:util';
import { createObject, ObjectKind, ObjectLayout, Opened, onOpen, SharedObject } from '../shared/objects.js';
import { Guard, guarded } from './guard.js';
import { LockState, type Suspended } from './lock-state.js';
import { type AcquireOptions, acquireOptions } from './options.js';
import { notInTime } from './wait-errors.js';

/**
 * A lock that threads share: whoever acquires it is alone until it is released. It can be sent in arguments, results,
 * closures and queues, and is the same lock everywhere. Any thread may release it. Taking and releasing a lock that
 * nobody else wants is one atomic operation.
 *
 * A lock is not lost when its holder dies: the next `acquire` rejects with {@link OwnerDiedError}, or takes it with
 * `{ recover: true }`.
 *
 * Python: `multiprocessing.Lock`.
 * @example
 * const lock = new Lock();
 * await pool.map(async (i, lock) => lock.withLock(() => console.log('alone', i)), …);
 */
export class Lock extends SharedObject {
  /** @internal */
  readonly state: LockState;
  /** The guard of this isolate that holds the lock. */
  #holder: Guard | undefined;

  /** A free lock. */
  constructor();
  /** @internal */
  constructor(from: Opened);
  constructor(from?: Opened) {
    super(from?.block ?? createObject(ObjectKind.lock, [0, 0, 0], ObjectLayout.state));
    this.state = new LockState(this.objectBlock);
  }

  /** Whether the holder before this one died, so that what the lock guards may be half done: mend it. */
  get recovered(): boolean {
    return this.state.recovered;
  }

  /**
   * Waits until the lock is free, and takes it. Answers false when the time is up.
   *
   * Python: `acquire(block=True, timeout=None)`.
   * @throws OwnerDiedError if the holder died, unless `recover` is set
   * @throws the signal's reason when it fires
   * @throws InterruptedError on Ctrl+C
   */
  async acquire(options?: AcquireOptions): Promise<boolean> {
    return this.state.acquire(acquireOptions(options));
  }

  /**
   * As {@link acquire}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile.
   * @throws DeadlockError if this thread holds the lock itself and no `timeout` is given
   */
  acquireSync(options?: AcquireOptions): boolean {
    if (options === undefined && this.state.take()) return true;
    return this.state.acquireSync(acquireOptions(options));
  }

  /**
   * Takes the lock if it is free: answers whether it did, at once. Python: `acquire(block=False)`.
   * @throws OwnerDiedError if the holder died
   */
  tryAcquire(): boolean {
    return this.state.tryAcquire();
  }

  /**
   * Frees the lock, whoever holds it.
   * @throws StateError if nobody holds it
   */
  release(): void {
    this.state.release();
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
  async hold(options?: AcquireOptions): Promise<Guard> {
    if (!(await this.acquire(options))) throw notInTime('The lock');
    return this.#guard();
  }

  /**
   * Calls `fn` while the lock is held. Gives what `fn` gives. Python: `with lock:`.
   * @throws as {@link hold} does, and what `fn` throws
   * @example
   * await lock.withLock(async () => { balance.value -= 10; });
   */
  async withLock<R>(fn: (guard: Guard) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    return guarded(await this.hold(options), fn);
  }

  /**
   * As {@link withLock}, blocking the calling thread until the lock is free. `fn` must not be async.
   * @throws DeadlockError if this thread holds the lock itself and no `timeout` is given
   */
  withLockSync<R>(fn: (guard: Guard) => R, options?: AcquireOptions): R {
    if (!this.acquireSync(options)) throw notInTime('The lock');
    const guard = this.#guard();
    try {
      return fn(guard);
    } finally {
      guard[Symbol.dispose]();
    }
  }

  /**
   * Lets go of the lock for a while, whoever holds it in this isolate. If a guard does that is released meanwhile,
   * `abandoned` is called, and the lock is not to be taken back. @internal
   */
  suspend(abandoned: () => void): Suspended {
    const guard = this.#holder;
    if (guard !== undefined) guard.abandoned = abandoned;
    this.#holder = undefined;
    this.state.release();
    return {
      get abandoned() {
        return guard?.held === false;
      },
      resume: (taken) => {
        if (guard === undefined) return;
        guard.abandoned = undefined;
        if (taken) this.#holder = guard;
      },
    };
  }

  #guard(): Guard {
    const guard: Guard = new Guard(() => {
      // A wait has let go of it, and it may be another's.
      if (this.#holder !== guard) return guard.abandoned?.();
      this.#holder = undefined;
      this.state.releaseOwn();
    }, this.recovered);
    this.#holder = guard;
    return guard;
  }

  [inspect.custom](): string {
    return `Lock {${this.state.describe()}}`;
  }
}

onOpen(ObjectKind.lock, (block) => new Lock(new Opened(block)));
