/** A class of views of buffers. */
export type ViewClass = new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView;

/** The number of a view's kind is its place in this list; a `Buffer` has one of its own. */
export const viewClasses: readonly (ViewClass | undefined)[] = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  (globalThis as { Float16Array?: ViewClass }).Float16Array,
] as (ViewClass | undefined)[];
