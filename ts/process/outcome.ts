import { Alive } from '../internal/alive.js';

const alive = new Alive();

/**
 * A promise that knows whether anybody reads it. From when it is to come until it is settled, a reader keeps Node alive; what
 * is derived from it is an ordinary promise.
 */
export class Outcome<T> extends Promise<T> {
  /** Whether anybody waits for it, or has got it. */
  read = false;
  /** Is called when it is read first. */
  onRead: (() => void) | undefined;
  #coming = false;
  #settled = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    if (!this.read) {
      this.read = true;
      if (this.#coming && !this.#settled) alive.began();
      this.onRead?.();
    }
    return super.then(onFulfilled, onRejected);
  }

  /** The same promise for this package's own waits, which are no reading. */
  watched(): Promise<T> {
    return super.then();
  }

  /** It is going to be settled by itself. */
  comes(): void {
    if (this.#coming || this.#settled) return;
    this.#coming = true;
    if (this.read) alive.began();
  }

  /** It is settled from here on. */
  settled(): void {
    if (this.#settled) return;
    this.#settled = true;
    if (this.read && this.#coming) alive.ended();
  }
}

/** An outcome and the ways to settle it, once. A rejection that nobody reads is nobody's. */
export class Pending<T> {
  readonly outcome: Outcome<T>;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #open = true;

  constructor() {
    this.outcome = new Outcome<T>((resolve, reject) => {
      this.#resolve = resolve as (value: T) => void;
      this.#reject = reject;
    });
    this.outcome.watched().catch(() => {});
  }

  /** Whether it is not settled. */
  get open(): boolean {
    return this.#open;
  }

  resolve(value: T): void {
    if (!this.#settle()) return;
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    if (!this.#settle()) return;
    this.#reject(reason);
  }

  #settle(): boolean {
    const first = this.#open;
    this.#open = false;
    this.outcome.settled();
    return first;
  }
}
