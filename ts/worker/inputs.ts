import type { Decoder } from '../internal/codec/index.js';
import { ARGS_MASK, Args, PAYLOAD_START, payloadOf, SLOT_BYTES, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { tidy } from '../internal/numbers.js';

/** Reads the arguments of calls and the items of ranges. */
export class Inputs {
  readonly #decoder: Decoder;
  /** The page that was read last: a page is usually claimed in several runs. */
  #pageOf = 0;
  #pageNumber = -1;
  #page: readonly unknown[] = [];
  #viewOf = 0;
  #view: ArrayLike<number> = [];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  /** The encoded arguments of a call. */
  args(slot: number): unknown[] {
    const at = slot * SLOT_WORDS;
    const block = memory.u32[at + Slot.argBlock];
    const bytes = memory.u32[at + Slot.argBytes];
    const from = block === 0 ? slot * SLOT_BYTES + PAYLOAD_START : payloadOf(block);
    memory.ensure(from + bytes);
    return this.#decoder.decode(memory, from, from + bytes);
  }

  /** The items of a range before `end` as numbers, with the position of item 0; undefined if they are no numbers. */
  numbers(slot: number, end: number): { items: ArrayLike<number>; at: number } | undefined {
    const at = slot * SLOT_WORDS;
    const kind = memory.u32[at + Slot.kind] & ARGS_MASK;
    if (kind === Args.column) {
      const from = payloadOf(memory.u32[at + Slot.argBlock]);
      memory.ensure(from + end * 8);
      return { items: memory.f64, at: from / 8 };
    }
    if (kind !== Args.view) return undefined;
    const call = memory.u32[at + Slot.call];
    if (this.#viewOf !== call) {
      this.#view = this.args(slot)[0] as ArrayLike<number>;
      this.#viewOf = call;
    }
    return { items: this.#view, at: 0 };
  }

  /** Item `index` of the range in `slot`. */
  item(slot: number, index: number): unknown {
    const at = slot * SLOT_WORDS;
    const numbers = this.numbers(slot, index + 1);
    if (numbers !== undefined) return tidy(numbers.items[numbers.at + index]);
    const size = memory.u32[at + Slot.pageSize];
    const number = Math.floor(index / size);
    const call = memory.u32[at + Slot.call];
    if (this.#pageOf !== call || this.#pageNumber !== number) {
      this.#page = this.#readPage(memory.u32[at + Slot.argBlock], number);
      this.#pageOf = call;
      this.#pageNumber = number;
    }
    return this.#page[index - number * size];
  }

  /** Lets go of what was kept for the next claim. */
  forget(): void {
    this.#pageOf = 0;
    this.#page = [];
    this.#viewOf = 0;
    this.#view = [];
  }

  #readPage(block: number, number: number): readonly unknown[] {
    const start = payloadOf(block);
    const entry = (start >>> 2) + number * 2;
    memory.ensure((entry + 2) * 4);
    const [from, to] = [start + memory.u32[entry], start + memory.u32[entry + 1]];
    memory.ensure(to);
    return this.#decoder.decode(memory, from, to);
  }
}
