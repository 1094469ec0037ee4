import { Args, BLOCK_HEADER, PAYLOAD_END, PAYLOAD_START, payloadOf, SLOT_BYTES, UNIT } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Luggage } from './attachments.js';
import type { Core } from './core.js';
import { isNumberArray, isShared } from './typed.js';
import type { NumberArray } from './types.js';

/** Items of a range, with a length and by index: an array, a typed array, a `range()`. */
export type Items = ArrayLike<unknown>;

/** The items of a range, encoded where every worker can read any of them. */
export interface RangeInput {
  /** One of {@link Args}: a column of doubles, pages of messages, or a shared typed array. */
  readonly kind: number;
  /** The block with a column or pages, 0 = none. */
  readonly block: number;
  /** How many pages there are, and where their table begins in the block's payload. */
  readonly pages: number;
  readonly table: number;
  /** The message that stands for a shared typed array. */
  readonly view: Buffer | undefined;
  readonly luggage: Luggage | undefined;
}

const MAX_PAGE_ITEMS = 64;
/** A page is to have no more bytes than this, so that a few large items can still be spread over all workers. */
const MAX_PAGE_BYTES = 64 * 1024;
/** A page has at most this many times the items of the page before it: they may be much larger. */
const PAGE_GROWTH = 8;
/** What is not paged. */
const noPages = { pages: 0, table: 0 };

/** Encodes `items`; `star`: each is a list of arguments. */
export function encodeItems(core: Core, items: Items, star: boolean): RangeInput {
  if (!star) {
    if (isNumberArray(items)) {
      return isShared(items) ? sharedView(core, items) : column(items.length, items);
    }
    const numbers = numberColumn(items);
    if (numbers !== 0) return { kind: Args.column, block: numbers, ...noPages, view: undefined, luggage: undefined };
  }
  return pages(core, items);
}

/** Frees what was encoded. */
export function freeInput(input: RangeInput): void {
  if (input.block !== 0) native.free(input.block);
}

function column(length: number, numbers: NumberArray): RangeInput {
  const block = memory.alloc(Math.max(1, length) * 8);
  const at = payloadOf(block) / 8;
  memory.f64.subarray(at, at + length).set(numbers);
  return { kind: Args.column, block, ...noPages, view: undefined, luggage: undefined };
}

/** A block with the items as doubles, or 0 if they are not all numbers. */
function numberColumn(items: Items): number {
  const { length } = items;
  if (length === 0 || typeof items[0] !== 'number' || typeof items[length - 1] !== 'number') return 0;
  const block = memory.alloc(length * 8);
  if (copyNumbers(items, memory.f64, (block * UNIT + BLOCK_HEADER) / 8)) return block;
  native.free(block);
  return 0;
}

function copyNumbers(items: Items, into: Float64Array, at: number): boolean {
  for (let i = 0, { length } = items; i < length; i++) {
    const item = items[i];
    if (typeof item !== 'number') return false;
    into[at + i] = item;
  }
  return true;
}

function sharedView(core: Core, items: NumberArray): RangeInput {
  core.encoder.encode(memory, 0, 0, [items], 0, 1, false);
  const view = Buffer.from(core.encoder.scratch.u8.subarray(0, core.encoder.length));
  const { shared } = core.attachments.pack(undefined);
  // Kept as long as the items are read: the message does not keep an array over manycore's own memory alive.
  return { kind: Args.view, block: 0, ...noPages, view, luggage: { shared: [...shared, items], parcel: undefined } };
}

/**
 * Pages of messages, each with its own strings and shapes, so that a worker can begin anywhere. Behind them is a table
 * with where each page begins and ends, in bytes from the payload's start, and the index of its first item: 32 bits each.
 */
function pages(core: Core, items: Items): RangeInput {
  const { length } = items;
  const list = Array.isArray(items) ? (items as unknown[]) : Array.from(items);
  const { encoder } = core;
  const table: number[] = [];
  let bytes = Buffer.allocUnsafe(Math.max(4096, Math.min(length * 64, 1 << 22)));
  let used = 0;
  const handles: object[] = [];
  const append = (source: Uint8Array, size: number) => {
    if (used + size > bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, used + size));
      larger.set(bytes.subarray(0, used));
      bytes = larger;
    }
    bytes.set(source.subarray(0, size), used);
    used += size;
  };
  // Few items: one each. Many: enough that strings and shapes are shared, few enough that all workers get some.
  const most = Math.max(1, Math.min(MAX_PAGE_ITEMS, Math.floor(length / (core.options.processes * 8))));
  let count = 1;
  encoder.label = 'items';
  try {
    for (let lo = 0; lo < length; ) {
      const hi = Math.min(length, lo + count);
      encoder.encode(memory, 0, 0, list, lo, hi, true);
      const size = encoder.length;
      if (encoder.handles.length > 0) handles.push(...encoder.handles);
      table.push(used, used + size, lo);
      append(encoder.scratch.u8, size);
      used = align(used);
      // Items are mostly as large as those before them; an item is not encoded twice to find out.
      const fitting = Math.max(1, Math.floor((MAX_PAGE_BYTES * (hi - lo)) / size));
      count = Math.min(most, fitting, count * PAGE_GROWTH);
      lo = hi;
    }
  } finally {
    encoder.label = 'args';
  }
  const tableAt = used;
  const words = Uint32Array.from(table);
  append(new Uint8Array(words.buffer), words.byteLength);
  const luggage = core.attachments.any ? core.attachments.pack(undefined) : undefined;
  const block = memory.store(bytes, used, handles);
  return { kind: Args.pages, block, pages: table.length / 3, table: tableAt, view: undefined, luggage };
}

const align = (offset: number): number => (offset + 7) & ~7;

/** Writes the message that stands for a shared typed array into a slot's payload. Throws if it does not fit. */
export function writeView(slot: number, view: Buffer): void {
  if (view.length > PAYLOAD_END - PAYLOAD_START) throw new RangeError('The description of a shared array is too long');
  memory.u8.set(view, slot * SLOT_BYTES + PAYLOAD_START);
}
