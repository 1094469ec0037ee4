import { StateError } from '../internal/errors.js';

/** How a task of an imap ended. */
export type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown };

/** How many results a join keeps for whoever may read them after it, of a source that may have no end. */
const KEPT = 1_000_000;

/**
 * The results of an imap that nobody has read, in the order of reading: that of the items, or that in which they came.
 *
 * While somebody waits for the pool's end more results come than are read. They stay, {@link KEPT} of them, and
 * all of a source that is known to end. If there are more, whoever has asked for one before is waited for, and if nobody
 * has they are dropped: memory is limited, nobody who reads loses anything, and what nobody reads comes to its end.
 */
export class Unread {
  readonly #ordered: boolean;
  readonly #kept: number;
  readonly #results = new Map<number, Outcome>();
  #read = 0;
  #arrived = 0;
  #asked = false;
  #joined = false;
  /** Results from number `#kept` up to this one are dropped. */
  #droppedUntil = 0;

  /** `finite`: the source is known to end. */
  constructor(ordered: boolean, finite: boolean, kept: number = KEPT) {
    this.#ordered = ordered;
    this.#kept = finite ? Number.POSITIVE_INFINITY : kept;
  }

  /** How many were read. */
  get read(): number {
    return this.#read;
  }

  /** How many have come, those that were read among them. */
  get arrived(): number {
    return this.#arrived;
  }

  /** Somebody asks for a result when `pulled` items were taken from the source: none of later ones is dropped. */
  ask(pulled: number): void {
    if (this.#asked) return;
    this.#asked = true;
    if (this.#joined) this.#droppedUntil = pulled;
  }

  /** Somebody waits for the pool's end. */
  join(): void {
    if (this.#joined) return;
    this.#joined = true;
    if (!this.#asked) this.#droppedUntil = Number.POSITIVE_INFINITY;
  }

  /** Whether those of `pulled` items are too many for a join to go on before somebody reads. */
  isFull(pulled: number): boolean {
    return this.#asked && pulled - this.#read >= this.#kept;
  }

  /** The result of item `index` has come. */
  add(index: number, outcome: Outcome): void {
    const number = this.#ordered ? index : this.#arrived;
    this.#arrived++;
    if (number < this.#kept || number >= this.#droppedUntil) this.#results.set(number, outcome);
  }

  /** The next result, if it is there. In place of those that were dropped there is one error. */
  take(): Outcome | undefined {
    const outcome = this.#results.get(this.#read);
    if (outcome !== undefined) {
      this.#results.delete(this.#read);
      this.#read++;
      return outcome;
    }
    if (this.#read < this.#kept || this.#read >= this.#droppedUntil) return undefined;
    const error = dropped(this.#droppedUntil - this.#read);
    this.#read = this.#droppedUntil;
    return { ok: false, error };
  }

  clear(): void {
    this.#results.clear();
  }
}

const dropped = (count: number): StateError =>
  new StateError(`${count} results were dropped while join() waited and nobody had asked for any: read before join()`);
