import { payloadOf, Record } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { attach } from '../internal/runtime.js';

/** Who gets the records of one pool. */
export interface Recipient {
  readonly id: number;
  record(kind: number, slot: number, a: number, b: number, c: number, d: number, e: number): void;
}

/** Records that are fetched at a time. */
const BATCH = 512;
/** After this long in one turn of the event loop, the rest waits for the next. */
const TURN_MS = 10;
const RECORD_BYTES = Record.words * 4;

/**
 * Where the workers' records arrive: one per isolate that owns pools.
 *
 * It also keeps Node alive while calls are pending, and only then.
 */
class Inbox {
  readonly #recipients = new Map<number, Recipient>();
  #area = 0;
  #attached = false;
  #pending = 0;
  /** A timer that never fires; it is referenced while calls are pending. */
  readonly #alive: NodeJS.Timeout = setInterval(() => {}, 0x7fffffff).unref();

  /** Attaches this isolate as an owner, once. */
  open(): void {
    if (this.#attached) return;
    this.#attached = true;
    attach(() => this.#turn());
    this.#area = payloadOf(memory.alloc(BATCH * RECORD_BYTES));
    native.drainInto(this.#area);
  }

  add(recipient: Recipient): void {
    this.#recipients.set(recipient.id, recipient);
  }

  remove(recipient: Recipient): void {
    this.#recipients.delete(recipient.id);
  }

  /** One more call is pending. */
  began(): void {
    if (this.#pending++ === 0) this.#alive.ref();
  }

  /** One call less is pending. */
  ended(): void {
    if (--this.#pending === 0) this.#alive.unref();
  }

  /**
   * Waits for records in the calling thread, at most `ms` milliseconds, and hands them out. Answers how many Ctrl+Cs
   * came so far.
   */
  wait(spinUs: number, ms: number): number {
    const interrupts = native.wait(spinUs, Math.max(0, ms) * 1000);
    this.drain(Number.POSITIVE_INFINITY);
    return interrupts;
  }

  /** Hands out what is there, for `ms` milliseconds at most. */
  drain(ms: number): void {
    let end = 0;
    for (;;) {
      const count = native.drain(BATCH);
      this.#deliver(count);
      if (count < BATCH) return;
      const now = performance.now();
      end ||= now + ms;
      if (now >= end) {
        native.resumeLater();
        return;
      }
    }
  }

  #turn(): void {
    this.drain(TURN_MS);
  }

  #deliver(count: number): void {
    if (count === 0) return;
    // Copied out first: a nested drain writes to the same area.
    const from = this.#area / 4;
    const words = memory.u32.slice(from, from + count * Record.words);
    let recipient: Recipient | undefined;
    for (let at = 0; at < words.length; at += Record.words) {
      const pool = words[at];
      if (recipient === undefined || recipient.id !== pool) recipient = this.#recipients.get(pool);
      if (recipient !== undefined) {
        recipient.record(
          words[at + 1],
          words[at + 2],
          words[at + 3],
          words[at + 4],
          words[at + 5],
          words[at + 6],
          words[at + 7],
        );
      } else if (words[at + 6] !== 0) {
        native.free(words[at + 6]);
      }
    }
  }
}

export const inbox: Inbox = new Inbox();
