import { StateError } from '../internal/errors.js';
import { staysHere } from '../internal/handles.js';

/**
 * A lock that is held: what `hold()` gives. Releases it once, at the end of its block.
 *
 * Python: the `with` statement over a lock.
 * @example
 * {
 *   using guard = await lock.hold();
 *   // … the lock is held here
 * }
 */
export class Guard implements Disposable, AsyncDisposable {
  /** The holder before this one died: what the lock guards may be half done. Only with `{ recover: true }`. */
  readonly recovered: boolean;
  /** A condition's wait has let go of the lock for it: to be called when it is released meanwhile. @internal */
  abandoned: (() => void) | undefined;
  #release: (() => void) | undefined;

  /** @internal */
  constructor(release: () => void, recovered: boolean) {
    this.#release = release;
    this.recovered = recovered;
  }

  /** Whether the lock is still held by this guard. */
  get held(): boolean {
    return this.#release !== undefined;
  }

  /**
   * Releases the lock.
   * @throws StateError if this guard has released it before
   */
  release(): void {
    const release = this.#release;
    if (release === undefined) throw new StateError('The guard has released its lock before');
    this.#release = undefined;
    release();
  }

  /** Releases the lock, unless that was done before. */
  [Symbol.dispose](): void {
    if (this.held) this.release();
  }

  /** Releases the lock, unless that was done before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }
}

staysHere(Guard, 'a Guard belongs to the thread that holds the lock: send the lock');

/** Guards an {@link RLock}: only through it can async code take the lock once more. */
export class RGuard extends Guard {
  readonly #enter: () => () => void;

  /** @internal */
  constructor(release: () => void, recovered: boolean, enter: () => () => void) {
    super(release, recovered);
    this.#enter = enter;
  }

  /**
   * Takes the lock once more while `fn` runs; it is held until both this guard and `fn` are done with it.
   * @throws StateError if the guard has released its lock
   * @example
   * await lock.withLock(async (guard) => {
   *   await guard.withLock(async () => { … });
   * });
   */
  async withLock<R>(fn: (guard: this) => R | PromiseLike<R>): Promise<R> {
    if (!this.held) throw new StateError('The guard has released its lock before');
    const leave = this.#enter();
    try {
      return await fn(this);
    } finally {
      leave();
    }
  }
}

/** Calls `fn` while `guard` holds its lock, which is released in the end unless `fn` did that. */
export async function guarded<G extends Guard, R>(guard: G, fn: (guard: G) => R | PromiseLike<R>): Promise<R> {
  try {
    return await fn(guard);
  } finally {
    guard[Symbol.dispose]();
  }
}
