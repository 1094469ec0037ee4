import { Kind, payloadOf, SLOT_BYTES, SLOT_WORDS, Slot } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';

/** Slots that are carved at a time. */
const CHUNK = 256;
/** More slots than this are never made; further calls wait outside. */
const MAX_SLOTS = 16_384;

/** What the owner keeps about a slot in use. */
export interface Occupant {
  slot: number;
}

/** The job slots of one pool: handed out last in, first out, so that the hottest are used again. */
export class Slots<T extends Occupant> {
  readonly #free: number[] = [];
  readonly #blocks: number[] = [];
  readonly #occupants: Array<T | undefined> = [];

  /** A free slot for `occupant`, or 0 when all are in use. */
  take(occupant: T): number {
    const slot = this.#free.pop() ?? this.#carve();
    if (slot !== 0) {
      occupant.slot = slot;
      this.#occupants[memory.u32[slot * SLOT_WORDS + Slot.index]] = occupant;
    }
    return slot;
  }

  /** Gives a slot back; nobody may touch it any more. */
  release(slot: number): void {
    const index = memory.u32[slot * SLOT_WORDS + Slot.index];
    const occupant = this.#occupants[index];
    if (occupant === undefined) return;
    occupant.slot = 0;
    this.#occupants[index] = undefined;
    this.#free.push(slot);
  }

  /** Whose slot it is. */
  occupant(slot: number): T | undefined {
    return this.#occupants[memory.u32[slot * SLOT_WORDS + Slot.index]];
  }

  /** Everybody who has a slot now. */
  *occupants(): Iterable<T> {
    for (const occupant of this.#occupants) if (occupant !== undefined) yield occupant;
  }

  /** Gives the memory back. No worker may be left. */
  dispose(): void {
    for (const block of this.#blocks) native.free(block);
    this.#blocks.length = 0;
    this.#free.length = 0;
    this.#occupants.length = 0;
  }

  #carve(): number {
    const from = this.#blocks.length * CHUNK;
    if (from >= MAX_SLOTS) return 0;
    // One slot more than needed, to begin at a multiple of a slot's size.
    const block = memory.alloc((CHUNK + 1) * SLOT_BYTES);
    this.#blocks.push(block);
    const first = Math.ceil(payloadOf(block) / SLOT_BYTES);
    const { u32 } = memory;
    u32.fill(0, first * SLOT_WORDS, (first + CHUNK) * SLOT_WORDS);
    for (let i = CHUNK - 1; i >= 0; i--) {
      u32[(first + i) * SLOT_WORDS + Slot.index] = from + i;
      if (i > 0) this.#free.push(first + i);
    }
    return first;
  }
}

/** Frees the blocks that a slot names. */
export function freeBlocks(slot: number): void {
  const at = slot * SLOT_WORDS;
  // A range's blocks are its own affair: several slots may share them.
  if ((memory.u32[at + Slot.kind] & 0xff) === Kind.range) return;
  const argBlock = memory.u32[at + Slot.argBlock];
  const resultBlock = memory.u32[at + Slot.resultBlock];
  if (argBlock !== 0) native.free(argBlock);
  if (resultBlock !== 0) native.free(resultBlock);
  // The slot's next occupant may be released before it has filled it.
  memory.u32[at + Slot.argBlock] = 0;
  memory.u32[at + Slot.resultBlock] = 0;
}
