import { Alive } from './alive.js';
import { type Interruptible, watchInterrupts } from './interrupts.js';
import { native } from './native.js';
import { offAbort, onAbort } from './signals.js';
import { Timer } from './timer.js';

/** How long to wait, in milliseconds (absent: for ever), and what ends the wait earlier. */
export interface WaitLimits {
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** What a wait answers when its time is up. */
export const timedOut: unique symbol = Symbol('timed out');

interface Waiter {
  /** Tries once: true if the wait has ended, however. */
  attempt(others: boolean): boolean;
  refuse(reason: unknown): void;
}

/** What a line has to know of its object. */
export interface Ways {
  /** Every waiter looks for itself (an event), or else they are served in turn (a lock). */
  readonly all?: boolean;
  /** An attempt that succeeds and knows of no others has taken back by itself what attempts have left at the object. */
  readonly tidy?: boolean;
  /** Its waits do not keep Node alive, and Ctrl+C does not end them: nobody's call waits for them. */
  readonly quiet?: boolean;
  /**
   * Takes back what attempts have left at the object, and if it can be had, rings somebody else: nobody of this isolate
   * waits any more, or it cannot look now.
   */
  leave(): void;
}

/** Lines in which somebody waits. */
const lines = new Set<WaitingLine>();
const alive = new Alive();

/** Ctrl+C ends every wait. */
const interruptible: Interruptible = {
  get pending() {
    let waiting = 0;
    for (const line of lines) if (!line.quiet) waiting += line.length;
    return waiting;
  },
  running: true,
  refuseAll(error) {
    for (const line of [...lines]) if (!line.quiet) line.refuseAll(error);
  },
};
let watching = false;

/** Has Ctrl+C end the waits of this isolate. */
export function endWaitsOnInterrupt(): void {
  if (watching) return;
  watching = true;
  watchInterrupts(interruptible);
}

/**
 * The tasks of this isolate that wait for one shared object, first come, first served. However many they are, the
 * isolate as a whole waits once: one bit at the object, and its event loop is called when the object has changed.
 */
export class WaitingLine {
  #waiters: Waiter[] = [];
  #looking = false;
  readonly #ways: Ways;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiters.length;
  }

  /** Whether its waits are nobody's calls. */
  get quiet(): boolean {
    return this.#ways.quiet === true;
  }

  /**
   * Waits until `attempt` answers something. It is called at once if nobody waits before, and then whenever the object
   * may have changed; `others` says whether more of this isolate wait. An attempt that answers undefined must have made
   * the isolate known as waiting at the object *before* it looked. What it throws rejects the wait.
   * Answers `timedOut` when the time is up; rejects with `signal.reason` when the signal fires.
   */
  wait<T>(attempt: (others: boolean) => T | undefined, limits: WaitLimits): Promise<T | typeof timedOut> {
    const { signal, timeout } = limits;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      let timer: Timer | undefined;
      const end = (): void => {
        timer?.clear();
        offAbort(signal, abort);
        if (!this.quiet) alive.ended();
      };
      const waiter: Waiter = {
        attempt(others) {
          try {
            const value = attempt(others);
            if (value === undefined) return false;
            resolve(value);
          } catch (error) {
            reject(error);
          }
          end();
          return true;
        },
        refuse(reason) {
          end();
          reject(reason);
        },
      };
      const abort = (): void => {
        if (this.#remove(waiter)) waiter.refuse(signal?.reason);
      };
      if (!this.quiet) alive.began();
      if (this.#join(waiter)) return;
      if (!this.quiet) endWaitsOnInterrupt();
      if (timeout !== undefined) {
        timer = new Timer(timeout, () => {
          // The object may have changed and the event loop not been called yet: what is there is not missed.
          this.look();
          if (!this.#remove(waiter)) return;
          end();
          resolve(timedOut);
        });
      }
      onAbort(signal, abort);
    });
  }

  /** True if it was served at once. */
  #join(waiter: Waiter): boolean {
    const others = this.#waiters.length;
    if (lines.size === 0) native.listen(true);
    lines.add(this);
    if ((others === 0 || this.#ways.all) && waiter.attempt(others > 0)) {
      if (others === 0) this.#served();
      return true;
    }
    this.#waiters.push(waiter);
    return false;
  }

  #remove(waiter: Waiter): boolean {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return false;
    this.#waiters.splice(at, 1);
    if (this.#waiters.length === 0) {
      this.#forget();
      this.#ways.leave();
    }
    return true;
  }

  #forget(): void {
    lines.delete(this);
    if (lines.size === 0) native.listen(false);
  }

  /** Serves whoever can be served. */
  look(): void {
    if (this.#looking || this.#waiters.length === 0) return;
    this.#looking = true;
    const waiters = this.#waiters;
    try {
      if (this.#ways.all) this.#waiters = waiters.filter((waiter) => !waiter.attempt(true));
      else while (waiters.length > 0 && waiters[0].attempt(waiters.length > 1)) waiters.shift();
    } finally {
      this.#looking = false;
    }
    if (this.#waiters.length === 0) this.#served();
  }

  /** The last one was served. */
  #served(): void {
    this.#forget();
    if (this.#ways.tidy !== true) this.#ways.leave();
  }

  /** A blocking wait beside this line has ended; `served`: it got what it waited for. */
  ended(served: boolean): void {
    if (this.#waiters.length === 0 && !(served && this.#ways.tidy === true)) this.#ways.leave();
  }

  /** This isolate blocks for something else and cannot look: another one that waits is rung in its place. */
  passOn(): void {
    this.#ways.leave();
  }

  /** Ends every wait. */
  refuseAll(error: () => Error): void {
    for (const waiter of [...this.#waiters]) if (this.#remove(waiter)) waiter.refuse(error());
  }
}

/** The isolate was rung: every line looks whether somebody can be served. */
export function lookAround(): void {
  // Also if nobody waits any more: else the next ring would not call the event loop.
  native.answer();
  for (const line of [...lines]) line.look();
}

let lookingLater = false;

/** This isolate was rung, but it blocks for `own`: others are rung for what its tasks wait for. */
export function passOnOthers(own: WaitingLine): void {
  for (const line of lines) {
    if (line === own) continue;
    line.passOn();
    // Nobody rings this isolate for it any more: it looks by itself when it can.
    if (!lookingLater) setImmediate(lookLater);
    lookingLater = true;
  }
}

function lookLater(): void {
  lookingLater = false;
  lookAround();
}
