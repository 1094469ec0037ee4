import { types } from 'node:util';
import threads from 'node:worker_threads';
import { blockOf, openBuffer } from '../handles.js';
import type { Decoder } from './decoder.js';
import type { Encoder } from './encoder.js';
import { malformed } from './input.js';
import { Unsendable } from './path.js';
import * as tags from './tags.js';
import { type ViewClass, viewClasses } from './views.js';

/** How a buffer stands in the table. */
const SHARED_BYTES = 0;
/** Its bytes, for exactly one view. */
const OWN_BYTES = 1;
const RESIZABLE = 2;
const ATTACHMENT = 3;
/** The bytes of a shared object. */
const SHARED_OBJECT = 4;

const TRACKING = 0x80;
const BUFFER_KIND = 13;
/** Buffers up to this size are copied into Node's pool, as Node itself does: an ArrayBuffer costs more than its bytes. */
const POOLED = 2048;
/** What a slab may have beyond `Buffer.poolSize`: since Node 26 its start is aligned. More than any alignment takes. */
const SLAB_PADDING = 4096;
/** Node marks its slabs. Whether something is marked can be asked since Node 21. */
const { isMarkedAsUntransferable } = threads as { isMarkedAsUntransferable?: (object: object) => boolean };

const kindByName = new Map<string | undefined, number>([[undefined, 0]]);
viewClasses.forEach((C, kind) => {
  if (C !== undefined && kind > 0) kindByName.set(C.name, kind);
});
/** The engine's own tag: `Uint8Array` also for an instance of a subclass, `undefined` for a DataView. */
const nameOf = Reflect.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined;

/** The class of a view to the engine: `Uint8Array` for a Buffer, and the built-in class of any subclass. */
export function viewClass(view: ArrayBufferView): ViewClass | undefined {
  return viewClasses[kindByName.get(nameOf.call(view)) as number];
}

interface Entry {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** The bytes that are needed: all of them, as soon as two values look at the buffer. */
  from: number;
  to: number;
  own: boolean;
  /** Its id, if it travels beside the bytes; else -1. */
  readonly attachment: number;
  /** The block of the shared object whose bytes it shows, or 0. */
  readonly object: number;
}

/** Buffers of which a resizable one knows more than its length. */
interface Resizable {
  readonly resizable?: boolean;
  readonly maxByteLength: number;
}

/**
 * The buffers of a message. They are written behind the values, when it is known who looks at them: bytes that one view
 * alone looks at are all that is sent of a larger buffer.
 */
export class BufferList {
  /** Buffers that travel as attachments instead of being copied. */
  moved: Map<ArrayBuffer, number> | undefined = undefined;
  #entries: Entry[] = [];
  #index = new Map<object, number>();

  get count(): number {
    return this.#entries.length;
  }

  /** Whether there is anything to forget. */
  get used(): boolean {
    return this.#entries.length > 0 || this.moved !== undefined;
  }

  clear(): void {
    this.#entries = [];
    this.#index.clear();
    this.moved = undefined;
  }

  /** The next root shares nothing with those before. */
  forget(): void {
    this.#index.clear();
  }

  rollBack(count: number): void {
    if (this.#entries.length === count) return;
    this.#entries.length = count;
    for (const [buffer, index] of this.#index) if (index >= count) this.#index.delete(buffer);
  }

  writeBuffer(out: Encoder, buffer: ArrayBuffer | SharedArrayBuffer): void {
    const index = this.#add(out, buffer, 0, buffer.byteLength, true);
    out.byte(tags.BUFFER);
    out.uint32(index);
  }

  writeView(out: Encoder, view: ArrayBufferView): void {
    const { buffer, byteOffset, byteLength } = view;
    const isBuffer = Buffer.isBuffer(view);
    const kind = isBuffer ? BUFFER_KIND : kindOfView(view);
    // Small Buffers lie together in one slab of Node's: that they share it means nothing.
    const slab = isBuffer && byteLength < buffer.byteLength && isSlab(buffer);
    const index = slab
      ? this.#push(out, buffer, byteOffset, byteOffset + byteLength)
      : this.#add(out, buffer, byteOffset, byteOffset + byteLength, false);
    const tracking = isResizable(buffer) && byteOffset + byteLength === buffer.byteLength;
    out.byte(tags.VIEW);
    out.byte(tracking ? kind | TRACKING : kind);
    out.uint32(index);
    out.float64(byteOffset);
    out.float64(kind === 0 ? byteLength : (view as Uint8Array).length);
  }

  #add(out: Encoder, buffer: ArrayBuffer | SharedArrayBuffer, from: number, to: number, whole: boolean): number {
    const known = this.#index.get(buffer);
    if (known === undefined) {
      const index = this.#push(out, buffer, from, to);
      this.#index.set(buffer, index);
      if (whole) this.#entries[index].own = false;
      return index;
    }
    const entry = this.#entries[known];
    entry.own = false;
    entry.from = 0;
    entry.to = buffer.byteLength;
    return known;
  }

  #push(out: Encoder, buffer: ArrayBuffer | SharedArrayBuffer, from: number, to: number): number {
    let attachment = -1;
    const object = blockOf(buffer) === 0 ? 0 : out.named(buffer);
    if (object !== 0) return this.#entries.push({ buffer, from, to, own: false, attachment, object }) - 1;
    if (types.isSharedArrayBuffer(buffer)) attachment = out.attach(buffer);
    else if (this.moved !== undefined) attachment = this.moved.get(buffer) ?? -1;
    if (buffer.byteLength === 0 && attachment < 0 && isDetached(buffer as ArrayBuffer))
      throw new Unsendable(buffer, DETACHED);
    return this.#entries.push({ buffer, from, to, own: true, attachment, object }) - 1;
  }

  /** Writes the table, and behind it its own position. */
  write(out: Encoder): void {
    out.reserve(4);
    const table = out.pos - out.start;
    out.uint32(this.#entries.length);
    for (const entry of this.#entries) {
      out.reserve(0);
      if (entry.object !== 0) {
        out.byte(SHARED_OBJECT);
        out.uint32(entry.object);
        continue;
      }
      if (entry.attachment >= 0) {
        out.byte(ATTACHMENT);
        out.uint32(entry.attachment);
        continue;
      }
      const { buffer } = entry;
      const resizable = isResizable(buffer);
      const from = resizable ? 0 : entry.from;
      const length = (resizable ? buffer.byteLength : entry.to) - from;
      out.byte(resizable ? RESIZABLE : entry.own ? OWN_BYTES : SHARED_BYTES);
      out.float64(from);
      out.float64(length);
      if (resizable) out.float64((buffer as unknown as Resizable).maxByteLength);
      out.reserve(length);
      out.u8.set(new Uint8Array(buffer, from, length), out.pos);
      out.pos += length;
    }
    out.reserve(0);
    out.float64(table);
  }
}

/** Whether Node cuts small Buffers out of this one. */
function isSlab(buffer: ArrayBuffer | SharedArrayBuffer): boolean {
  const padding = buffer.byteLength - Buffer.poolSize;
  if (isMarkedAsUntransferable === undefined) return padding === 0;
  return padding >= 0 && padding <= SLAB_PADDING && isMarkedAsUntransferable(buffer);
}

function kindOfView(view: ArrayBufferView): number {
  const kind = kindByName.get(nameOf.call(view));
  if (kind === undefined) throw new Unsendable(view);
  return kind;
}

function isResizable(buffer: object): boolean {
  return (buffer as Resizable).resizable === true;
}

const DETACHED = new TypeError('its ArrayBuffer is detached');

function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

interface Slot {
  readonly kind: number;
  readonly pos: number;
  /** Where the bytes began in the sender's buffer. */
  readonly base: number;
  readonly length: number;
  readonly max: number;
  used: boolean;
  buffer: ArrayBuffer | null;
}

/** The reader's table: a buffer is made when it is first needed. */
export class BufferTable {
  readonly #slots: Slot[] = [];

  /** Reads the table at the end of the message and takes it off. */
  constructor(input: Decoder, start: number) {
    const body = input.pos;
    const end = input.end;
    input.pos = Math.max(body, end - 8);
    const table = start + input.size();
    if (table < body || table > end - 8) malformed('its table of buffers lies outside');
    input.pos = table;
    input.end = end - 8;
    const count = input.uint32();
    for (let i = 0; i < count; i++) this.#slots.push(readSlot(input));
    if (input.pos !== input.end) malformed('its table of buffers has another size');
    input.pos = body;
    input.end = table;
  }

  readBuffer(input: Decoder): object {
    const slot = this.#slot(input.uint32());
    if (slot.kind === OWN_BYTES) malformed('a buffer belongs to a view');
    return input.register(this.#bufferOf(input, slot));
  }

  readView(input: Decoder): ArrayBufferView {
    const flags = input.byte();
    const kind = flags & ~TRACKING;
    const slot = this.#slot(input.uint32());
    const offset = input.size() - slot.base;
    const length = input.size();
    if (kind === BUFFER_KIND && slot.kind === OWN_BYTES && length <= POOLED) {
      if (slot.used || offset !== 0 || length !== slot.length) malformed('a view does not fit to its buffer');
      slot.used = true;
      const copy = Buffer.allocUnsafe(length);
      input.u8.copy(copy, 0, slot.pos, slot.pos + length);
      return input.register(copy);
    }
    const buffer = this.#bufferOf(input, slot);
    const size = (flags & TRACKING) !== 0 && isResizable(buffer) ? undefined : length;
    if (kind === BUFFER_KIND) return input.register(Buffer.from(buffer, offset, size));
    const C = viewClasses[kind];
    if (C === undefined) return malformed(`this runtime has no array of kind ${kind}`);
    return input.register(new C(buffer, offset, size));
  }

  #slot(index: number): Slot {
    const slot = this.#slots[index];
    if (slot === undefined) malformed('a buffer is missing');
    return slot;
  }

  #bufferOf(input: Decoder, slot: Slot): ArrayBuffer {
    if (slot.buffer !== null) return slot.buffer;
    if (slot.used) malformed('a view does not fit to its buffer');
    slot.used = true;
    slot.buffer = makeBuffer(input, slot);
    return slot.buffer;
  }
}

function readSlot(input: Decoder): Slot {
  const kind = input.byte();
  if (kind === ATTACHMENT || kind === SHARED_OBJECT) {
    return { kind, pos: input.uint32(), base: 0, length: 0, max: 0, used: false, buffer: null };
  }
  if (kind > SHARED_OBJECT) malformed('a buffer of an unknown kind');
  const base = input.size();
  const length = input.size();
  const max = kind === RESIZABLE ? input.size() : length;
  return { kind, pos: input.take(length), base, length, max, used: false, buffer: null };
}

function makeBuffer(input: Decoder, slot: Slot): ArrayBuffer {
  if (slot.kind === ATTACHMENT) {
    const buffer = input.hooks.attached(slot.pos);
    if (!types.isAnyArrayBuffer(buffer)) malformed('an attachment is not a buffer');
    return buffer as ArrayBuffer;
  }
  if (slot.kind === SHARED_OBJECT) return (openBuffer(slot.pos) ?? malformed('a shared object is gone')) as ArrayBuffer;
  if (slot.kind === RESIZABLE) {
    const options = { maxByteLength: slot.max } as unknown as undefined;
    const buffer: ArrayBuffer = new (ArrayBuffer as new (n: number, o?: object) => ArrayBuffer)(slot.length, options);
    new Uint8Array(buffer).set(input.u8.subarray(slot.pos, slot.pos + slot.length));
    return buffer;
  }
  return copyOf(input.u8, slot.pos, slot.length);
}

/** Sizes of which the last buffer is kept: smaller ones do not matter, and larger ones are too much to hold for speed. */
const KEPT_FROM = 64 * 1024;
const KEPT_UNTIL = 4 * 1024 * 1024;
/**
 * The buffer that was made last, kept alive until the next. The collector frees many at once; where none of them stays, the
 * C library gives their memory back to the system, and the next ones get it anew, page by page, which takes several times as
 * long as to copy the bytes. One that lies at the end of the heap prevents that.
 */
const kept: { last: Buffer | null } = { last: null };

function copyOf(source: Buffer, from: number, length: number): ArrayBuffer {
  // All of it is written: it need not be cleared first.
  const copy = Buffer.allocUnsafeSlow(length);
  copy.set(source.subarray(from, from + length));
  if (length >= KEPT_FROM && length <= KEPT_UNTIL) kept.last = copy;
  return copy.buffer as ArrayBuffer;
}
