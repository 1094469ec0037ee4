import { inspect } from 'node:util';
import { block as blockThread, mustHaveHope } from '../internal/blocking.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { timedOut, WaitingLine } from '../internal/waiting.js';
import type { WaitOptions } from '../pool/options.js';
import { createObject, fieldOf, ObjectKind, ObjectLayout, Opened, onOpen, SharedObject } from '../shared/objects.js';
import { startWait } from './options.js';

/** The word: bit 0 is the flag, bits 1–30 count how often it was set, bit 31 says that somebody waits. */
const SET = 1;
const EPOCH = 0x7ffffffe;

/**
 * A flag that threads share: whoever waits for it passes when it is set, all at once.
 *
 * Python: `multiprocessing.Event`.
 * @example
 * const stop = new Event();
 * const working = pool.apply(async (stop) => { while (!stop.isSet()) await work(); }, [stop]);
 * stop.set();
 */
export class Event extends SharedObject {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #line: WaitingLine;

  /** An event that is not set. */
  constructor();
  /** @internal */
  constructor(from: Opened);
  constructor(from?: Opened) {
    super(from?.block ?? createObject(ObjectKind.event, [0, 0, 0], ObjectLayout.state));
    const block = this.objectBlock;
    this.#words = memory.i32;
    this.#at = fieldOf(block, ObjectLayout.word) / 4;
    this.#line = new WaitingLine({ all: true, leave: () => native.eventLeave(block) });
  }

  /** Whether it is set. Cheap enough for every turn of a loop. Python: `is_set()`. */
  isSet(): boolean {
    return (Atomics.load(this.#words, this.#at) & SET) !== 0;
  }

  /** Sets it: all that wait pass, even if it is cleared again at once. */
  set(): void {
    const word = Atomics.load(this.#words, this.#at);
    if ((word & SET) !== 0) return;
    const next = ((word + 2) & EPOCH) | SET;
    if (word >= 0 && Atomics.compareExchange(this.#words, this.#at, word, next) === word) return;
    if (native.eventSet(this.objectBlock)) this.#line.look();
  }

  /** Clears it: who waits from here on waits until it is set again. */
  clear(): void {
    Atomics.and(this.#words, this.#at, ~SET);
  }

  /**
   * Waits until the event is set: true; false when the time is up.
   *
   * Python: `wait(timeout=None)`.
   * @throws the signal's reason when it fires
   * @throws InterruptedError on Ctrl+C
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    const limits = startWait(options);
    const seen = Atomics.load(this.#words, this.#at);
    if ((seen & SET) !== 0) return true;
    return (await this.#line.wait((others) => this.#look(seen, others), limits)) !== timedOut;
  }

  /**
   * As {@link wait}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile.
   * @throws DeadlockError if no other thread has the event, so that nobody could set it, and no `timeout` is given
   */
  waitSync(options?: WaitOptions): boolean {
    const limits = startWait(options);
    const seen = Atomics.load(this.#words, this.#at);
    if ((seen & SET) !== 0) return true;
    const why = 'No other thread has this event: nobody could set it while this one waits';
    mustHaveHope(this.objectBlock, limits, why);
    return blockThread(this.#line, (others) => this.#look(seen, others), limits) === true;
  }

  #look(seen: number, others: boolean): true | undefined {
    return native.eventLook(this.objectBlock, seen >>> 0, others) ? true : undefined;
  }

  [inspect.custom](): string {
    return `Event {${this.isSet() ? 'set' : 'not set'}}`;
  }
}

onOpen(ObjectKind.event, (block) => new Event(new Opened(block)));
