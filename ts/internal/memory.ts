import { SerializationError } from './errors.js';
import { blockOf } from './handles.js';
import { payloadOf } from './layout.js';
import { native } from './native.js';

const NONE: readonly object[] = [];

/**
 * The region, seen through typed arrays over one internal buffer: every byte that is committed. When the region has
 * grown, a longer buffer over the same memory takes its place; the old views stay valid.
 *
 * Always read the views from here right before use: a call into the addon may have replaced them.
 */
class Memory {
  u8: Buffer = Buffer.alloc(0);
  dv: DataView = new DataView(new ArrayBuffer(0));
  u32: Uint32Array = new Uint32Array(0);
  i32: Int32Array = new Int32Array(0);
  f64: Float64Array = new Float64Array(0);
  /** Node 20 can crash when a worker drops an external buffer before it ends, so none is ever dropped. */
  readonly #buffers: ArrayBuffer[] = [];

  /** Looks at the region again. */
  refresh(): void {
    const buffer = native.window();
    this.#buffers.push(buffer);
    this.u8 = Buffer.from(buffer);
    this.dv = new DataView(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Makes sure that the views reach `end`, which others may have committed meanwhile. */
  ensure(end: number): void {
    if (end > this.u8.length) this.refresh();
  }

  /** A copy of `[from, from + bytes)`, in a buffer of its own. */
  copy(from: number, bytes: number): Uint8Array {
    this.ensure(from + bytes);
    return Uint8Array.prototype.slice.call(this.u8, from, from + bytes);
  }

  /** A block of `bytes` bytes that this isolate owns; its payload is within reach of the views. */
  alloc(bytes: number): number {
    let block: number;
    try {
      block = native.alloc(bytes);
    } catch (cause) {
      throw noMemory(cause);
    }
    this.ensure(payloadOf(block) + bytes);
    return block;
  }

  /**
   * A block with a copy of `source[0, bytes)`. `handles` are the shared objects that the message in it names: they live
   * until the block is freed.
   */
  store(source: Uint8Array, bytes: number, handles: readonly object[] = NONE): number {
    const block = this.alloc(bytes);
    this.u8.set(bytes === source.length ? source : source.subarray(0, bytes), payloadOf(block));
    if (handles.length > 0 && !native.pack(block, handles.map(blockOf))) {
      native.free(block);
      throw new SerializationError('Cannot send: a shared object that it names was closed meanwhile');
    }
    return block;
  }
}

export const memory: Memory = new Memory();

/** The error of a call whose values the shared memory has no room for. */
export function noMemory(cause?: unknown): SerializationError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new SerializationError(`The shared memory has no room for the values of this call${why}`, { cause });
}
