import { inbox } from './inbox.js';

/** Who waits for a pool's workers to be ready. Starting is work: it keeps Node alive. */
export class Readiness {
  readonly #isReady: () => boolean;
  #waiting: Array<{ resolve(): void; reject(error: Error): void }> = [];

  constructor(isReady: () => boolean) {
    this.#isReady = isReady;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the workers are ready; rejects with what ends the pool before. */
  wait(): Promise<void> {
    if (this.#isReady()) return Promise.resolve();
    inbox.began();
    return new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject })).finally(() => inbox.ended());
  }

  /** A worker is ready. */
  look(): void {
    if (this.#isReady()) for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** The pool ends, or the waits for it do. */
  fail(error: () => Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error());
  }
}
