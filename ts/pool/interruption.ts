import { type Interruptible, unwatchInterrupts, watchInterrupts } from '../internal/interrupts.js';
import { forMany } from './refusals.js';

/** What Ctrl+C has to know of a pool. */
export interface Interrupted {
  readonly running: boolean;
  /** Tasks that wait or run. */
  readonly pending: number;
  /** How many wait for something else of the pool. */
  readonly waiting: number;
  /** Ends all of that with errors of its own each; tasks that run are stopped. */
  interrupt(error: () => Error): void;
}

/** Ends what a pool has under way when Ctrl+C is pressed, and the waits for its end. */
export class Interruption implements Interruptible {
  readonly #pool: Interrupted;
  readonly #joins = new Set<(error: Error) => void>();

  /** From here on Ctrl+C is for this pool, too. */
  constructor(pool: Interrupted) {
    this.#pool = pool;
    watchInterrupts(this);
  }

  get pending(): number {
    return this.#pool.pending + this.#pool.waiting + this.#joins.size;
  }

  get running(): boolean {
    return this.#pool.running;
  }

  refuseAll(error: () => Error): void {
    const another = forMany(error);
    this.#pool.interrupt(another);
    for (const refuse of [...this.#joins]) refuse(another());
  }

  /** The same wait for the pool's end, which Ctrl+C ends. */
  async join(ended: Promise<void>): Promise<void> {
    let refuse: ((error: Error) => void) | undefined;
    const interrupted = new Promise<never>((_, reject) => {
      refuse = reject;
      this.#joins.add(reject);
    });
    try {
      await Promise.race([ended, interrupted]);
    } finally {
      if (refuse !== undefined) this.#joins.delete(refuse);
    }
  }

  /** The pool has ended. */
  end(): void {
    unwatchInterrupts(this);
  }
}
