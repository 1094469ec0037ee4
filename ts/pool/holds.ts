/** What to tell a call that comes back for more. */
interface Hold {
  onEnd(error: unknown): void;
  onJoin(): void;
}

/** The calls of a pool that come back for more, such as those of `imap`. */
export class Holds {
  readonly #holds = new Set<Hold>();

  /** How many there are. */
  get size(): number {
    return this.#holds.size;
  }

  /** One more, as `Engine.hold` says; `released` is called when it has let go. */
  add(onEnd: (error: unknown) => void, onJoin: () => void, released: () => void): () => void {
    const hold: Hold = { onEnd, onJoin };
    this.#holds.add(hold);
    return () => {
      if (this.#holds.delete(hold)) released();
    };
  }

  /** Somebody waits for the pool's end. */
  join(): void {
    for (const hold of [...this.#holds]) hold.onJoin();
  }

  /** The pool ends; each gets an error of its own. */
  end(error: () => unknown): void {
    for (const hold of [...this.#holds]) hold.onEnd(error());
  }
}
