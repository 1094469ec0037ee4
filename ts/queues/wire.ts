import { Decoder, Encoder, type Hooks } from '../internal/codec/index.js';
import { SerializationError } from '../internal/errors.js';
import { define } from '../internal/functions/define.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { load } from '../internal/functions/load.js';
import { payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';

/** Bytes of a message that travel within the ring; what is longer travels in a block of its own. */
const INLINE = 56;
/** Before each message: how long it is (u32), and its block (u32, 0 = none). */
const HEAD = 8;
/** Bytes of the area through which messages go in and out. */
const AREA = 64 * 1024;
/** From here on a value's own bytes decide how large its block must be: they are written once, in their place. */
const LARGE = 4096;
/** Room for what is not the bytes of a large value. */
const SLACK = 256;

/** Nothing can travel beside the bytes: the receiver is not known. */
const hooks: Hooks = {
  attach(value) {
    const way = value instanceof SharedArrayBuffer ? '; use an Array, which every thread can share' : '';
    throw new SerializationError(
      `${Object.prototype.toString.call(value).slice(8, -1)} cannot go through a queue${way}`,
    );
  },
  attached: () => undefined,
  define: (fn: AnyFunction) => define(fn),
  load,
};

/** A message in a block of this isolate. */
export interface Stored {
  readonly block: number;
  readonly bytes: number;
}

/** How messages of this isolate get into rings and out of them. One serves all queues. */
class Wire {
  readonly #encoder = new Encoder(hooks);
  readonly #decoder = new Decoder(hooks);
  #area = 0;

  /** Where the area begins, in bytes. */
  get area(): number {
    this.#area ||= payloadOf(memory.alloc(AREA));
    return this.#area;
  }

  /**
   * Writes messages for `values[from…]` into the area, as many as fit. Answers how many, and their bytes.
   * @throws SerializationError if the first of them cannot be sent; a later one is left for the next call
   */
  write(values: readonly unknown[], from: number, label: string): { readonly count: number; readonly bytes: number } {
    const start = this.area;
    const end = start + AREA;
    let at = start;
    let i = from;
    for (; i < values.length && at + HEAD + INLINE <= end; i++) {
      try {
        at = this.#write(values[i], at, values.length === 1 ? label : `${label}[${i}]`);
      } catch (error) {
        if (i === from) throw error;
        break;
      }
    }
    return { count: i - from, bytes: at - start };
  }

  /** Writes the message for `value` into a block of its own, where it can wait. */
  store(value: unknown, label: string): Stored {
    const encoder = this.#encoder;
    encoder.label = label;
    encoder.encodeOne(memory, 0, 0, value);
    const { scratch, length } = encoder;
    return { block: memory.store(scratch.u8, length, encoder.takeHandles()), bytes: length };
  }

  /** Makes a stored message the only one in the area. Answers its bytes there. */
  place({ block, bytes }: Stored): number {
    this.#head(this.area, bytes, block);
    return HEAD;
  }

  /** Gives back the blocks of messages that were written and not put: those behind the first `put` ones. */
  discard(put: number, count: number): void {
    let at = this.area;
    for (let i = 0; i < count; i++) {
      const block = memory.u32[at / 4 + 1];
      if (i >= put && block !== 0) native.free(block);
      at += HEAD + (block === 0 ? (memory.u32[at / 4] + 7) & ~7 : 0);
    }
  }

  #write(value: unknown, at: number, label: string): number {
    const encoder = this.#encoder;
    encoder.label = label;
    if (ArrayBuffer.isView(value) && value.byteLength >= LARGE) return this.#large(value, at);
    const from = at + HEAD;
    const end = encoder.encodeOne(memory, from, from + INLINE, value);
    if (end < 0) {
      const { scratch, length } = encoder;
      return this.#head(at, length, memory.store(scratch.u8, length, encoder.takeHandles()));
    }
    this.#head(at, end - from, 0);
    return (end + 7) & ~7;
  }

  /** A large view is written straight into its block. */
  #large(value: ArrayBufferView, at: number): number {
    const encoder = this.#encoder;
    const room = value.byteLength + SLACK;
    const block = memory.alloc(room);
    const from = payloadOf(block);
    let end: number;
    try {
      end = encoder.encodeOne(memory, from, from + room, value);
    } catch (error) {
      native.free(block);
      throw error;
    }
    if (end >= 0) return this.#head(at, end - from, block);
    native.free(block);
    const { scratch, length } = encoder;
    return this.#head(at, length, memory.store(scratch.u8, length, encoder.takeHandles()));
  }

  #head(at: number, bytes: number, block: number): number {
    memory.u32[at / 4] = bytes;
    memory.u32[at / 4 + 1] = block;
    return at + HEAD;
  }

  /** Takes up to `max` messages of a ring into the area; as `ringGet`. */
  take(ring: number, max: number, wait: boolean, cell: number): number {
    return native.ringGet(ring, max, this.area, max === 1 ? HEAD + INLINE : AREA, wait, cell);
  }

  /** Reads the `count` messages that were taken: the values, and the errors of those that cannot be read. */
  read(count: number): { readonly values: unknown[]; readonly errors: unknown[] } {
    const values: unknown[] = [];
    const errors: unknown[] = [];
    let at = this.area;
    for (let i = 0; i < count; i++) {
      const bytes = memory.u32[at / 4];
      const block = memory.u32[at / 4 + 1];
      const from = block === 0 ? at + HEAD : payloadOf(block);
      try {
        memory.ensure(from + bytes);
        values.push(this.#decoder.decodeOne(memory, from, from + bytes));
      } catch (error) {
        errors.push(error);
      } finally {
        if (block !== 0) native.free(block);
      }
      at += HEAD + (block === 0 ? (bytes + 7) & ~7 : 0);
    }
    return { values, errors };
  }
}

export const wire: Wire = new Wire();
