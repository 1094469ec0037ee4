import { payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Core } from './core.js';

/** Calls that are handed over together, at the most: the first workers need not wait for the last call. */
const BATCH = 64;

/** How filled slots reach the workers: calls of one turn together, ranges one by one. */
export class Dispatch {
  readonly #core: Core;
  /** Where the slots of this turn's calls are listed. */
  readonly #block: number;
  readonly #list: number;
  #count = 0;
  /** They are handed over at the end of this turn, if not before. */
  #soon = false;

  constructor(core: Core) {
    this.#core = core;
    this.#block = memory.alloc(BATCH * 4);
    this.#list = payloadOf(this.#block);
  }

  /** Hands over the call in `slot`, together with the other calls of this turn. */
  call(slot: number): void {
    memory.u32[this.#list / 4 + this.#count++] = slot;
    if (this.#count === BATCH) {
      this.flush();
    } else if (!this.#soon) {
      // Once a turn: in one that blocks for thousands of calls, each of them would wait here for its end.
      this.#soon = true;
      queueMicrotask(this.#flushSoon);
    }
  }

  /** Hands over the range in `slot`. False: too many ranges are open. */
  range(slot: number): boolean {
    this.flush();
    return native.submit(this.#core.id, slot) !== 2;
  }

  /** Lets the workers have the calls of this turn. */
  flush(): void {
    const count = this.#count;
    this.#count = 0;
    if (count > 0 && this.#core.running) native.submitCalls(this.#core.id, this.#list, count);
  }

  readonly #flushSoon = (): void => {
    this.#soon = false;
    this.flush();
  };

  dispose(): void {
    native.free(this.#block);
  }
}
