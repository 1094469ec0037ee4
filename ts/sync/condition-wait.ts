import { InterruptedError, OwnerDiedError, StateError } from '../internal/errors.js';
import { native } from '../internal/native.js';
import type { WaitingLine, WaitLimits } from '../internal/waiting.js';
import type { Lock } from './lock.js';
import type { LockState, Suspended } from './lock-state.js';
import type { RLock } from './rlock.js';

/** After Ctrl+C the lock is waited for no longer than so many milliseconds. */
const INTERRUPTED_MS = 500;

/**
 * One wait for a condition, from letting go of its lock until that is taken back. Its seat among those that wait is given
 * up with the lock held. A notification that it got, and that nobody will hear of because the wait fails, goes to the next.
 */
export class ConditionWait {
  readonly #block: number;
  readonly #line: WaitingLine;
  readonly #lock: LockState;
  readonly #ticket: number;
  readonly #suspended: Suspended;
  #notified = false;
  /** Why it fails. */
  #failure: { readonly error: unknown } | undefined;
  #over = false;

  /** Begins: the lock, which is held, is let go of. */
  constructor(block: number, lock: Lock | RLock, line: WaitingLine) {
    this.#block = block;
    this.#line = line;
    this.#lock = lock.state;
    this.#ticket = native.conditionEnter(block);
    this.#suspended = lock.suspend(() => line.look());
  }

  /** Whether it was notified: true, or not yet. Throws if nobody waits for its end any more. */
  readonly look = (): true | undefined => {
    if (this.#suspended.abandoned) throw forgotten();
    return native.conditionNotified(this.#block, this.#ticket) || undefined;
  };

  /** It got its notification, or the time was up. */
  ended(notified: boolean): void {
    this.#notified = notified;
  }

  /** It fails. */
  failed(error: unknown): void {
    this.#failure = { error };
  }

  /** Takes the lock back. Answers whether it was notified, or throws why it failed. */
  async takeBack(): Promise<boolean> {
    while (!this.#over) {
      try {
        this.#tried(await this.#lock.acquire(this.#patience));
      } catch (error) {
        this.#refused(error);
      }
    }
    return this.#answer();
  }

  /** The same, blocking the thread. */
  takeBackSync(): boolean {
    while (!this.#over) {
      try {
        this.#tried(this.#lock.acquireSync(this.#patience));
      } catch (error) {
        this.#refused(error);
      }
    }
    return this.#answer();
  }

  get #interrupted(): boolean {
    return this.#failure?.error instanceof InterruptedError;
  }

  get #patience(): WaitLimits {
    return this.#interrupted ? { timeout: INTERRUPTED_MS } : {};
  }

  #tried(taken: boolean): void {
    this.#over = true;
    // Without the lock the seat stays: the process is about to end, and with it the seat.
    const { abandoned } = this.#suspended;
    if (taken) {
      if (abandoned) this.#failure ??= { error: forgotten() };
      this.#leave();
      if (abandoned) this.#lock.release();
    }
    this.#suspended.resume(taken && !abandoned);
  }

  /** The lock cannot be had. */
  #refused(error: unknown): void {
    const why = this.#interrupted ? this.#failure : { error };
    if (error instanceof OwnerDiedError) {
      const give = (): void => {
        this.#failure = why;
        this.#leave();
      };
      if (!this.#lock.asHeir(give)) return;
    } else {
      const again = error instanceof InterruptedError && !this.#interrupted;
      this.#failure = why;
      // It is tried again, but not for long.
      if (again) return;
      // Another task of this isolate has it, which does nothing meanwhile.
      if (this.#lock.heldHere) this.#leave();
    }
    this.#over = true;
    this.#suspended.resume(false);
  }

  /** Gives up the seat. The lock is held. */
  #leave(): void {
    if (!this.#notified) this.#notified = native.conditionForget(this.#block, this.#ticket);
    if (this.#failure !== undefined && this.#notified && native.conditionNotify(this.#block, 1)) this.#line.look();
  }

  #answer(): boolean {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#notified;
  }
}

const forgotten = (): StateError =>
  new StateError('The lock was released while wait() was waiting: an `await` is missing before wait()');
