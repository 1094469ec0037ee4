import type { LateCodec } from '../internal/late.js';
import { ARGS_MASK, Args, PAYLOAD_START, payloadOf, SLOT_BYTES, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { tidy } from '../internal/numbers.js';

/** Reads the arguments of calls and the items of ranges. */
export class Inputs {
  readonly #codec: LateCodec;
  /** The page that was read last: a page is usually claimed in several runs. */
  #pageOf = 0;
  /** Index of its first item. */
  #pageFirst = 0;
  #page: readonly unknown[] = [];
  #viewOf = 0;
  #view: ArrayLike<number> = [];

  constructor(codec: LateCodec) {
    this.#codec = codec;
  }

  /** The encoded arguments of a call. */
  args(slot: number): unknown[] {
    const at = slot * SLOT_WORDS;
    const block = memory.u32[at + Slot.argBlock];
    const bytes = memory.u32[at + Slot.argBytes];
    const from = block === 0 ? slot * SLOT_BYTES + PAYLOAD_START : payloadOf(block);
    memory.ensure(from + bytes);
    return this.#codec.decoder.decode(memory, from, from + bytes);
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
    const call = memory.u32[at + Slot.call];
    if (this.#pageOf !== call || index < this.#pageFirst || index >= this.#pageFirst + this.#page.length) {
      this.#readPage(at, index);
      this.#pageOf = call;
    }
    return this.#page[index - this.#pageFirst];
  }

  /** Lets go of what was kept for the next claim. */
  forget(): void {
    this.#pageOf = 0;
    this.#page = [];
    this.#viewOf = 0;
    this.#view = [];
  }

  /** Reads the page with item `index` of the range whose slot's words begin at `at`. */
  #readPage(at: number, index: number): void {
    const start = payloadOf(memory.u32[at + Slot.argBlock]);
    const pages = memory.u32[at + Slot.pages];
    const table = (start + memory.u32[at + Slot.argBytes]) / 4;
    memory.ensure((table + pages * 3) * 4);
    const { u32 } = memory;
    // The last page that does not begin behind the item.
    let [page, above] = [0, pages];
    while (above - page > 1) {
      const middle = (page + above) >>> 1;
      if (u32[table + middle * 3 + 2] <= index) page = middle;
      else above = middle;
    }
    const [from, to, first] = u32.subarray(table + page * 3, table + page * 3 + 3);
    this.#page = this.#codec.decoder.decode(memory, start + from, start + to);
    this.#pageFirst = first;
  }
}
