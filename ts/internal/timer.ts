/** The longest that a timer of Node can count, in milliseconds: 24 days. */
export const MAX_TIMER = 0x7fffffff;

/** A timer that may be longer than a timer of Node; one of Infinity never fires, and does not keep Node alive. */
export class Timer {
  readonly #run: () => void;
  /** What is to be counted when the timer of Node has fired. */
  #left: number;
  #timer: NodeJS.Timeout | undefined;
  #held = true;

  /** Calls `run` in `ms` milliseconds. */
  constructor(ms: number, run: () => void) {
    this.#run = run;
    this.#left = ms;
    if (ms !== Number.POSITIVE_INFINITY) this.#count();
  }

  /** It will not fire. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** It does not keep Node alive. */
  unref(): this {
    this.#held = false;
    this.#timer?.unref();
    return this;
  }

  #count(): void {
    const ms = Math.min(this.#left, MAX_TIMER);
    this.#left -= ms;
    this.#timer = setTimeout(this.#fire, Math.max(0, ms));
    if (!this.#held) this.#timer.unref();
  }

  readonly #fire = (): void => {
    if (this.#left > 0) this.#count();
    else this.#run();
  };
}
