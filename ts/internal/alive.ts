import { MAX_TIMER } from './timer.js';

/**
 * Keeps Node alive while something is pending, and only then. What ends is often followed at once by something that begins:
 * Node is let go when the code that runs now has ended.
 */
export class Alive {
  #pending = 0;
  /** The timer is referenced. */
  #held = false;
  /** {@link #look} will be called. */
  #looking = false;
  /** A timer that never fires. */
  readonly #timer: NodeJS.Timeout = setInterval(() => {}, MAX_TIMER).unref();

  /** One more is pending. */
  began(): void {
    if (this.#pending++ > 0 || this.#held) return;
    this.#held = true;
    this.#timer.ref();
  }

  /** One less is pending. */
  ended(): void {
    if (--this.#pending > 0 || this.#looking) return;
    this.#looking = true;
    queueMicrotask(this.#look);
  }

  readonly #look = (): void => {
    this.#looking = false;
    if (this.#pending > 0) return;
    this.#held = false;
    this.#timer.unref();
  };
}
