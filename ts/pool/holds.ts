/** What to tell a call that comes back for more. */
export interface Hold {
  /** The pool ends. */
  onEnd(error: unknown): void;
  /** Somebody waits for the pool's end: the call is to come to its own. */
  onJoin(): void;
  /** Whether somebody waits for what comes next. */
  readonly awaited: boolean;
}

/** The calls of a pool that come back for more, such as those of `imap`. */
export class Holds {
  readonly #holds = new Set<Hold>();

  /** How many there are. */
  get size(): number {
    return this.#holds.size;
  }

  /** How many somebody waits for. */
  get awaited(): number {
    let count = 0;
    for (const hold of this.#holds) if (hold.awaited) count++;
    return count;
  }

  /** One more, as `Engine.hold` says; `released` is called when it has let go. */
  add(hold: Hold, released: () => void): () => void {
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
