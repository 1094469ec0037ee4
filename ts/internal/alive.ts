/** Keeps Node alive while something is pending, and only then. */
export class Alive {
  #pending = 0;
  /** A timer that never fires; it is referenced while something is pending. */
  readonly #timer: NodeJS.Timeout = setInterval(() => {}, 0x7fffffff).unref();

  /** One more is pending. */
  began(): void {
    if (this.#pending++ === 0) this.#timer.ref();
  }

  /** One less is pending. */
  ended(): void {
    if (--this.#pending === 0) this.#timer.unref();
  }
}
