import { Alive } from '../internal/alive.js';
import { keep, kept } from '../internal/isolate.js';
import { payloadOf, Record } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, nativePath } from '../internal/native.js';
import { addPump, attach } from '../internal/runtime.js';

/** Who gets the records of one pool. */
export interface Recipient {
  readonly id: number;
  /** Calls that are not settled. */
  readonly pending: number;
  record(kind: number, slot: number, a: number, b: number, c: number, d: number, e: number): void;
  /** True while the thread blocks: what else the event loop would tell is found out here. */
  blocking: boolean;
  /** The thread blocks in a wait that is not the pool's: does what is due. Answers in how many ms there is more. */
  pump(): number;
}

/** Records that are fetched at a time. */
const BATCH = 512;
/** After this long in one turn of the event loop, the rest waits for the next. */
const TURN_MS = 10;
const RECORD_BYTES = Record.words * 4;

/** What has arrived in an isolate: whichever copy of the package fetches it, every pool gets what is its own. */
interface Arrivals {
  readonly recipients: Map<number, Recipient>;
  /** Where records are fetched to. */
  readonly area: number;
  /** The words of the region with records that were fetched and that nobody got. */
  next: number;
  end: number;
}

/**
 * Where the workers' records arrive: what an isolate that owns pools has once is in its {@link Arrivals}.
 *
 * It also keeps Node alive while calls are pending, and only then.
 */
class Inbox {
  #arrivals!: Arrivals;
  #attached = false;
  readonly #alive = new Alive();

  /** Attaches this isolate as an owner, once. */
  open(): void {
    if (this.#attached) return;
    attach(() => this.#turn());
    const name = `arrivals:${nativePath}`;
    this.#arrivals = kept<Arrivals>(name) ?? keep(name, this.#begin());
    this.#attached = true;
  }

  #begin(): Arrivals {
    const recipients = new Map<number, Recipient>();
    const area = payloadOf(memory.alloc(BATCH * RECORD_BYTES));
    native.drainInto(area);
    addPump({
      pump: () => this.#pump(),
      busy: () => [...recipients.values()].some(({ pending }) => pending > 0),
    });
    return { recipients, area, next: 0, end: 0 };
  }

  add(recipient: Recipient): void {
    this.#arrivals.recipients.set(recipient.id, recipient);
  }

  remove(recipient: Recipient): void {
    this.#arrivals.recipients.delete(recipient.id);
  }

  /** One more call is pending. */
  began(): void {
    this.#alive.began();
  }

  /** One call less is pending. */
  ended(): void {
    this.#alive.ended();
  }

  /**
   * Waits for records in the calling thread, at most `ms` milliseconds, and hands them out. Answers how many Ctrl+Cs
   * came so far.
   */
  wait(spinUs: number, ms: number): number {
    const interrupts = native.wait(spinUs, Math.max(0, ms) * 1000);
    this.drain();
    return interrupts;
  }

  /** Hands out what is there. */
  drain(): void {
    this.#deliver();
    while (this.#fetch() === BATCH) this.#deliver();
    this.#deliver();
  }

  /** Hands out what is there and what comes meanwhile, for some milliseconds at most: the rest waits for the next turn. */
  #turn(): void {
    const end = native.nowMs() + TURN_MS;
    for (;;) {
      this.#deliver();
      if (this.#fetch() === 0) return;
      if (native.nowMs() < end) continue;
      this.#deliver();
      native.resumeLater();
      return;
    }
  }

  /** Fetches what has come, a batch at most. Answers how many. All that was fetched before has been handed out. */
  #fetch(): number {
    const count = native.drain(BATCH);
    const arrivals = this.#arrivals;
    arrivals.next = arrivals.area / 4;
    arrivals.end = arrivals.next + count * Record.words;
    return count;
  }

  #pump(): number {
    const pools = [...this.#arrivals.recipients.values()].map((pool) => ({ pool, outer: pool.blocking }));
    for (const { pool } of pools) pool.blocking = true;
    try {
      this.drain();
      return Math.min(...pools.map(({ pool }) => pool.pump()));
    } finally {
      for (const { pool, outer } of pools) pool.blocking = outer;
    }
  }

  /**
   * Hands out the records that were fetched, in order. A recipient may block in a `*Sync` call of its own and come back
   * here: it goes on where the outer delivery stands, and nothing is delivered late or twice.
   */
  #deliver(): void {
    const arrivals = this.#arrivals;
    while (arrivals.next < arrivals.end) {
      const at = arrivals.next;
      arrivals.next += Record.words;
      const words = memory.u32;
      const recipient = arrivals.recipients.get(words[at]);
      const block = words[at + 6];
      if (recipient !== undefined) {
        recipient.record(
          words[at + 1],
          words[at + 2],
          words[at + 3],
          words[at + 4],
          words[at + 5],
          block,
          words[at + 7],
        );
      } else if (block !== 0) {
        native.free(block);
      }
    }
  }
}

export const inbox: Inbox = new Inbox();
