import { allocate } from '../internal/codec/bytes.js';
import { Args, BLOCK_HEADER, PAYLOAD_END, PAYLOAD_START, payloadOf, SLOT_BYTES, UNIT } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import type { Luggage } from './attachments.js';
import type { Core } from './core.js';
import { isNumberArray, isShared } from './typed.js';
import type { NumberArray } from './types.js';

/** Items of a range, with a length and by index: an array, a typed array, a `range()`. */
export type Items = ArrayLike<unknown>;

/** Items of a range that follow each other, encoded where every worker can read any of them. */
export interface RangeInput {
  /** Index of the first item, and how many there are. */
  readonly first: number;
  readonly items: number;
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
/**
 * Pages are handed over when there are so many bytes of them, so that the workers begin while the rest is encoded; then
 * twice as many each time up to a limit, because a part costs something by itself.
 */
const FIRST_PART_BYTES = 64 * 1024;
const MAX_PART_BYTES = 1024 * 1024;
/** What is not paged. */
const unpaged = { first: 0, pages: 0, table: 0, view: undefined, luggage: undefined };

/**
 * Encodes `items`, part by part; `star`: each is a list of arguments. A part belongs to the caller once it is given.
 * @param whole in one part
 */
export function* encodeItems(core: Core, items: Items, star: boolean, whole: boolean): Generator<RangeInput, void> {
  if (!star) {
    const shared = isNumberArray(items) && isShared(items);
    const input = shared ? sharedView(core, items) : isNumberArray(items) ? column(items) : numberColumn(items);
    if (input !== undefined) {
      yield input;
      return;
    }
  }
  yield* pages(core, items, whole ? Number.POSITIVE_INFINITY : FIRST_PART_BYTES);
}

/** Frees what was encoded. */
export function freeInput(input: RangeInput): void {
  if (input.block !== 0) native.free(input.block);
}

function column(numbers: NumberArray): RangeInput {
  const { length } = numbers;
  const block = memory.alloc(Math.max(1, length) * 8);
  const at = payloadOf(block) / 8;
  memory.f64.subarray(at, at + length).set(numbers);
  return { ...unpaged, kind: Args.column, block, items: length };
}

/** The items as doubles, unless they are not all numbers. */
function numberColumn(items: Items): RangeInput | undefined {
  const { length } = items;
  if (length === 0 || typeof items[0] !== 'number' || typeof items[length - 1] !== 'number') return undefined;
  const block = memory.alloc(length * 8);
  let all = false;
  try {
    all = copyNumbers(items, memory.f64, (block * UNIT + BLOCK_HEADER) / 8);
  } finally {
    // Also if a getter of the user's threw.
    if (!all) native.free(block);
  }
  return all ? { ...unpaged, kind: Args.column, block, items: length } : undefined;
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
  // A plain view also of an `Array`: loops over plain views of other calls stay as fast as they are.
  const plain = items.subarray();
  core.encoder.encode(memory, 0, 0, [plain], 0, 1, false);
  const view = Buffer.from(core.encoder.scratch.u8.subarray(0, core.encoder.length));
  core.encoder.takeHandles();
  const { shared } = core.attachments.pack(undefined);
  // Kept as long as the items are read: the message does not keep an array over manycore's own memory alive.
  const luggage = { shared: [...shared, items], parcel: undefined };
  return { ...unpaged, kind: Args.view, block: 0, items: items.length, view, luggage };
}

/**
 * Pages of messages, each with its own shapes, so that a worker can begin anywhere. Behind them is a table with where each
 * page begins and ends, in bytes from the payload's start, and the index of its first item: 32 bits each.
 * @param limit bytes of the first part
 */
function* pages(core: Core, items: Items, limit: number): Generator<RangeInput, void> {
  const { length } = items;
  const list = Array.isArray(items) ? (items as unknown[]) : Array.from(items);
  const { encoder } = core;
  // The parts are made in the same memory one after the other.
  let bytes = allocate(Math.max(4096, Math.min(length * 64, FIRST_PART_BYTES)));
  let used = 0;
  const append = (source: Uint8Array, size: number) => {
    if (used + size > bytes.u8.length) {
      const larger = allocate(Math.max(bytes.u8.length * 2, used + size));
      larger.u8.set(bytes.u8.subarray(0, used));
      bytes = larger;
    }
    bytes.u8.set(source.subarray(0, size), used);
    used += size;
  };
  // Few items: one each. Many: enough that shapes are shared, few enough that all workers get some.
  const most = Math.max(1, Math.min(MAX_PAGE_ITEMS, Math.floor(length / (core.options.processes * 8))));
  let count = 1;
  for (let lo = 0; lo < length; ) {
    const first = lo;
    const table: number[] = [];
    const handles: object[] = [];
    used = 0;
    encoder.label = 'items';
    try {
      while (lo < length && used < limit) {
        const hi = Math.min(length, lo + count);
        const from = used;
        const end = encoder.encode(bytes, from, bytes.u8.length, list, lo, hi, true);
        if (end < 0) append(encoder.scratch.u8, encoder.length);
        else used = end;
        handles.push(...encoder.takeHandles());
        table.push(from, used, lo);
        // Items are mostly as large as those before them; an item is not encoded twice to find out.
        const fitting = Math.max(1, Math.floor((MAX_PAGE_BYTES * (hi - lo)) / (used - from)));
        count = Math.min(most, fitting, count * PAGE_GROWTH);
        used = align(used);
        lo = hi;
      }
    } finally {
      encoder.label = 'args';
    }
    const tableAt = used;
    const words = Uint32Array.from(table);
    append(new Uint8Array(words.buffer), words.byteLength);
    const luggage = core.attachments.any ? core.attachments.pack(undefined) : undefined;
    const block = memory.store(bytes.u8, used, handles);
    const where = { block, pages: table.length / 3, table: tableAt, first, items: lo - first };
    yield { kind: Args.pages, ...where, view: undefined, luggage };
    limit = Math.min(limit * 2, MAX_PART_BYTES);
  }
}

const align = (offset: number): number => (offset + 7) & ~7;

/** Writes the message that stands for a shared typed array into a slot's payload. Throws if it does not fit. */
export function writeView(slot: number, view: Buffer): void {
  if (view.length > PAYLOAD_END - PAYLOAD_START) throw new RangeError('The description of a shared array is too long');
  memory.u8.set(view, slot * SLOT_BYTES + PAYLOAD_START);
}
