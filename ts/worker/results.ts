import { Thrown } from '../internal/codec/hooks.js';
import type { LateCodec } from '../internal/late.js';
import {
  Flag,
  Lane,
  PAYLOAD_END,
  PAYLOAD_START,
  Part,
  payloadOf,
  Result,
  SLOT_BYTES,
  SLOT_WORDS,
  Slot,
} from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { asTransfer, type Transfer } from '../transfer.js';
import type { WorkerAttachments } from './hooks.js';

/** Puts results where the owner finds them. */
export class Results {
  readonly #codec: LateCodec;
  readonly #attachments: WorkerAttachments;

  constructor(codec: LateCodec, attachments: WorkerAttachments) {
    this.#codec = codec;
    this.#attachments = attachments;
  }

  /** The result of the call in `slot`. */
  ofCall(slot: number, value: unknown): void {
    const at = slot * SLOT_WORDS;
    const { u32 } = memory;
    if (typeof value === 'number' && (u32[at + Slot.kind] & Flag.keep) === 0) {
      u32[at + Slot.resultTag] = Result.number;
      memory.f64[(at + Slot.number) >>> 1] = value;
    } else if (value === undefined) {
      u32[at + Slot.resultTag] = Result.none;
    } else {
      try {
        this.#message(slot, Result.message, value);
      } catch (error) {
        this.ofFailedCall(slot, error);
      }
    }
  }

  /** The call in `slot` could not be made: the owner did not give what was moved with its arguments. */
  withoutParcel(slot: number): void {
    memory.u32[slot * SLOT_WORDS + Slot.resultTag] = Result.noParcel;
  }

  /** What the call in `slot` threw. */
  ofFailedCall(slot: number, error: unknown): void {
    try {
      this.#message(slot, Result.thrown, error);
    } catch (unsendable) {
      this.#attachments.discard();
      try {
        this.#message(slot, Result.thrown, unsendable);
      } catch {
        // Not even for that error there is room.
        memory.u32[slot * SLOT_WORDS + Slot.resultTag] = Result.noMemory;
      }
    }
  }

  /** The results of the items that a lane claimed: as numbers in the column if they are, otherwise as a page. */
  ofItems(lane: number, slot: number, results: unknown[]): void {
    if (results.every((result) => typeof result === 'number')) {
      const first = memory.u32[slot * SLOT_WORDS + Slot.base] + memory.u32[lane + Lane.start];
      const column = columnOf(slot, first + results.length);
      memory.f64.set(results as number[], column + first);
      memory.u32[lane + Lane.resultTag] = Part.column;
      memory.u32[lane + Lane.published] = results.length;
      return;
    }
    const bytes = this.#page(results);
    let block = 0;
    try {
      block = memory.store(this.#codec.encoder.scratch.u8, bytes, this.#codec.encoder.takeHandles());
    } catch {
      // Without a block, the owner knows that there is no memory for the results.
    }
    memory.u32[lane + Lane.resultBlock] = block;
    memory.u32[lane + Lane.resultBytes] = bytes;
    memory.u32[lane + Lane.resultTag] = Part.page;
    memory.u32[lane + Lane.published] = results.length;
  }

  #message(slot: number, tag: number, value: unknown): void {
    const at = slot * SLOT_WORDS;
    const keep = (memory.u32[at + Slot.kind] & Flag.keep) !== 0;
    const from = keep ? 0 : slot * SLOT_BYTES + PAYLOAD_START;
    const until = keep ? 0 : slot * SLOT_BYTES + PAYLOAD_END;
    const marked = asTransfer(value);
    let end: number;
    try {
      const moved = marked === undefined ? undefined : this.#attachments.moved(marked.list);
      end = this.#codec.encoder.encodeOne(memory, from, until, marked === undefined ? value : marked.value, moved);
    } catch (error) {
      this.#attachments.discard();
      throw error;
    }
    this.#attachments.send();
    const { u32 } = memory;
    if (end >= 0) {
      u32[at + Slot.resultBytes] = end - from;
    } else {
      const { scratch, length } = this.#codec.encoder;
      u32[at + Slot.resultBytes] = length;
      const block = memory.store(scratch.u8, length, this.#codec.encoder.takeHandles());
      memory.u32[at + Slot.resultBlock] = block;
    }
    memory.u32[at + Slot.resultTag] = tag;
  }

  /** Writes one message with all results: the encoder has it. What cannot be sent is in it as an error. */
  #page(results: unknown[]): number {
    const marks = unmark(results);
    try {
      return this.#together(results, marks);
    } catch {
      this.#attachments.discard();
    }
    const sendable = results.map((value, i) => this.#sendable(value, marks?.[i]));
    const left = marks?.map((marked, i) => (sendable[i] instanceof Thrown ? undefined : marked));
    try {
      return this.#together(sendable, left);
    } catch (error) {
      this.#attachments.discard();
      // All that is to be moved goes in one parcel, and the parcel was refused.
      const copied = sendable.map((value, i) => (left?.[i] === undefined ? value : new Thrown(error)));
      return this.#together(copied, undefined);
    }
  }

  #together(values: readonly unknown[], marks: Marks | undefined): number {
    const moved = marks && this.#attachments.moved(marks.flatMap((marked) => marked?.list ?? []));
    this.#codec.encoder.encode(memory, 0, 0, values, 0, values.length, true, moved);
    this.#attachments.send();
    return this.#codec.encoder.length;
  }

  /** The value, or the error that says why it cannot be sent. */
  #sendable(value: unknown, marked: Transfer<unknown> | undefined): unknown {
    try {
      const moved = this.#attachments.moved(marked?.list ?? []);
      this.#codec.encoder.encode(memory, 0, 0, [value], 0, 1, true, moved);
      return value;
    } catch (error) {
      return new Thrown(error);
    } finally {
      this.#attachments.discard();
    }
  }
}

/** By the place of the result. */
type Marks = Array<Transfer<unknown> | undefined>;

/** Puts the values in the place of the marks that `transfer` made. @returns the marks, if there are any */
function unmark(results: unknown[]): Marks | undefined {
  let marks: Marks | undefined;
  for (let i = 0; i < results.length; i++) {
    const marked = asTransfer(results[i]);
    if (marked === undefined) continue;
    results[i] = marked.value;
    marks ??= new Array(results.length);
    marks[i] = marked;
  }
  return marks;
}

/** Where the column for the results of the range in `slot` begins, in doubles. Makes sure that `end` of them are in reach. */
export function columnOf(slot: number, end: number): number {
  const from = payloadOf(memory.u32[slot * SLOT_WORDS + Slot.resultBlock]);
  memory.ensure(from + end * 8);
  return from / 8;
}
