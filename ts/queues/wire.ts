import { types } from 'node:util';
import type { Hooks } from '../internal/codec/index.js';
import { SerializationError } from '../internal/errors.js';
import { load } from '../internal/functions/load.js';
import { blockOf } from '../internal/handles.js';
import { defineLate, LateCodec } from '../internal/late.js';
import { payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';

/** Bytes of a message that travel within the ring; what is longer travels in a block of its own. */
const INLINE = 56;
/** Before each message: how long it is (u32), and its block (u32, 0 = none). */
const HEAD = 8;
/** Bytes of an area through which messages go in and out. */
const AREA = 64 * 1024;
/** Room that the encoder gets for a message. What does not fit costs a copy more. */
const WINDOW = 1024;
/** From here on a buffer's own bytes decide how large its block must be: they are written once, in their place. */
const LARGE = 4096;
/** Room for what is not the bytes of a large buffer. */
const SLACK = 256;

/** Takes what bytes cannot carry to a receiver that is known. */
export interface Beside {
  /** Answers the number under which the receiver finds `value`. */
  attach(value: object): number;
  attached(id: number): unknown;
}

/** With the message in the making. */
let beside: Beside | undefined;

/** Nothing can travel beside the bytes unless the receiver is known. */
const hooks: Hooks = {
  attach(value) {
    if (beside !== undefined) return beside.attach(value);
    const way = types.isSharedArrayBuffer(value) ? '; use an Array, which every thread can share' : '';
    throw new SerializationError(
      `a ${Object.prototype.toString.call(value).slice(8, -1)} cannot go through a queue or a pipe${way}`,
    );
  },
  attached: (id) => beside?.attached(id),
  define: defineLate,
  load,
};

/** Values on their way into a ring: how far they are serialised, and how many are put. */
export class Parcel {
  readonly values: readonly unknown[];
  /** What errors call them. */
  readonly label: string;
  /** Absent where nobody knows the receiver. */
  readonly beside: Beside | undefined;
  /** The next to be serialised. */
  next = 0;
  /** How many were put. */
  count = 0;

  constructor(values: readonly unknown[], label: string, beside?: Beside) {
    this.values = values;
    this.label = label;
    this.beside = beside;
  }
}

/** Messages of this isolate that lie one behind the other, where a ring takes them from. */
export interface Batch {
  at: number;
  end: number;
  count: number;
  /** The block that they lie in, if it is theirs alone; else 0. */
  readonly block: number;
}

/**
 * How messages of this isolate get into rings and out of them. One serves all queues: messages pass through an area of the
 * region, and through another one if code of the user's that runs meanwhile (a getter) uses a queue itself.
 */
class Wire {
  readonly #codec = new LateCodec(hooks, 'value');
  readonly #areas: number[] = [];
  #depth = 0;

  /** An area, until {@link leave}. */
  enter(): number {
    if (this.#depth === this.#areas.length) this.#areas.push(payloadOf(memory.alloc(AREA)));
    return this.#areas[this.#depth++];
  }

  leave(): void {
    this.#depth--;
  }

  /**
   * Serialises values of a parcel from the next one on into an area, as many as fit.
   * @throws SerializationError if the first of them cannot be sent; a later one is left for the next call
   */
  write(area: number, parcel: Parcel): Batch {
    const outer = beside;
    beside = parcel.beside;
    try {
      return this.#writeAll(area, parcel);
    } finally {
      beside = outer;
    }
  }

  #writeAll(area: number, parcel: Parcel): Batch {
    const { values, label } = parcel;
    const batch = { at: area, end: area, count: 0, block: 0 };
    const most = area + AREA - HEAD - WINDOW;
    while (parcel.next < values.length && batch.end <= most) {
      const { next } = parcel;
      try {
        // Only the first one's error is told.
        const name = batch.count === 0 && label === 'values' ? `${label}[${next}]` : label;
        batch.end = this.#write(values[next], batch.end, name);
      } catch (error) {
        if (batch.count === 0) throw error;
        break;
      }
      batch.count++;
      parcel.next++;
    }
    return batch;
  }

  /** The message for a value, to be kept as bytes; it may name no shared objects. */
  encode(value: unknown, label: string): Uint8Array {
    const encoder = this.#codec.encoder;
    encoder.label = label;
    encoder.encodeOne(memory, 0, 0, value);
    if (encoder.takeHandles().length > 0) {
      throw new SerializationError(`Cannot send \`${label}\`: it names shared objects`);
    }
    return Uint8Array.from(encoder.scratch.u8.subarray(0, encoder.length));
  }

  /** The value of the message at `[at, at + bytes)` of the region. */
  decode(at: number, bytes: number): unknown {
    return this.#codec.decoder.decodeOne(memory, at, at + bytes);
  }

  /** The same messages in a block of their own, where they can wait; `batch` is empty from here on. */
  keep(batch: Batch): Batch {
    const bytes = batch.end - batch.at;
    const block = memory.alloc(bytes);
    const at = payloadOf(block);
    memory.u8.copyWithin(at, batch.at, batch.end);
    const kept = { at, end: at + bytes, count: batch.count, block };
    batch.count = 0;
    return kept;
  }

  /** The first `count` messages are put. */
  skip(batch: Batch, count: number): void {
    batch.count -= count;
    if (batch.count > 0) for (let i = 0; i < count; i++) batch.at = this.#behind(batch.at);
  }

  /** Gives back what messages that were not put take up. */
  drop(batch: Batch): void {
    for (; batch.count > 0; batch.count--) {
      const block = memory.u32[batch.at / 4 + 1];
      batch.at = this.#behind(batch.at);
      if (block !== 0) native.free(block);
    }
    if (batch.block !== 0) native.free(batch.block);
  }

  #behind(at: number): number {
    const inside = memory.u32[at / 4 + 1] === 0;
    return at + HEAD + (inside ? (memory.u32[at / 4] + 7) & ~7 : 0);
  }

  #write(value: unknown, at: number, label: string): number {
    const encoder = this.#codec.encoder;
    encoder.label = label;
    const bytes = typeof value === 'object' && value !== null ? ownBytes(value) : 0;
    if (bytes >= LARGE) return this.#large(value, bytes, at);
    const from = at + HEAD;
    const end = encoder.encodeOne(memory, from, from + WINDOW, value);
    if (end < 0) return this.#spilled(at);
    const length = end - from;
    if (length <= INLINE) {
      this.#head(at, length, 0);
      return (end + 7) & ~7;
    }
    const block = memory.alloc(length);
    memory.u8.copyWithin(payloadOf(block), from, end);
    return this.#head(at, length, block);
  }

  /** A large buffer is written straight into its block. */
  #large(value: unknown, bytes: number, at: number): number {
    const block = memory.alloc(bytes + SLACK);
    const from = payloadOf(block);
    let end = -1;
    try {
      end = this.#codec.encoder.encodeOne(memory, from, from + bytes + SLACK, value);
    } finally {
      if (end < 0) native.free(block);
    }
    return end < 0 ? this.#spilled(at) : this.#head(at, end - from, block);
  }

  /** The message is in the encoder's scratch. */
  #spilled(at: number): number {
    const { scratch, length } = this.#codec.encoder;
    return this.#head(at, length, memory.store(scratch.u8, length, this.#codec.encoder.takeHandles()));
  }

  #head(at: number, bytes: number, block: number): number {
    memory.u32[at / 4] = bytes;
    memory.u32[at / 4 + 1] = block;
    return at + HEAD;
  }

  /** Takes up to `max` messages of a ring into an area; as `ringGet`. */
  take(ring: number, area: number, max: number, wait: boolean, cell: number): number {
    return native.ringGet(ring, max, area, max === 1 ? HEAD + INLINE : AREA, wait, cell);
  }

  /**
   * Reads the `count` messages that were taken into an area. The errors of those that cannot be read go to `errors`. `from`
   * has what the sender sent beside them.
   */
  read(area: number, count: number, errors: unknown[], from?: Beside): unknown[] {
    const outer = beside;
    beside = from;
    try {
      return this.#readAll(area, count, errors);
    } finally {
      beside = outer;
    }
  }

  #readAll(area: number, count: number, errors: unknown[]): unknown[] {
    const values: unknown[] = [];
    for (let at = area; count > 0; count--) {
      const bytes = memory.u32[at / 4];
      const block = memory.u32[at / 4 + 1];
      const from = block === 0 ? at + HEAD : payloadOf(block);
      at = block === 0 ? (from + bytes + 7) & ~7 : at + HEAD;
      try {
        memory.ensure(from + bytes);
        values.push(this.#codec.decoder.decodeOne(memory, from, from + bytes));
      } catch (error) {
        errors.push(error);
      } finally {
        if (block !== 0) native.free(block);
      }
    }
    return values;
  }
}

export const wire: Wire = new Wire();

/** How many bytes a buffer or a view will take up in a message; 0 for what is sent by reference, and for anything else. */
function ownBytes(value: object): number {
  const bytes = ArrayBuffer.isView(value) || types.isArrayBuffer(value) ? value.byteLength : 0;
  if (bytes < LARGE) return bytes;
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  return types.isSharedArrayBuffer(buffer) || blockOf(buffer) !== 0 ? 0 : bytes;
}
