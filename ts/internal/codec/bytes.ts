/** Memory to write to or to read from: two views over the same `ArrayBuffer`, both from its offset 0. */
export interface Bytes {
  readonly u8: Buffer;
  readonly dv: DataView;
}

/** Buffer's one-encoding methods: public on every Buffer, but missing in its typings. */
export interface StringBytes {
  latin1Write(text: string, offset: number): number;
  ucs2Write(text: string, offset: number): number;
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}

/** Fresh memory of `size` bytes, with arbitrary content. */
export function allocate(size: number): Bytes {
  const u8 = Buffer.allocUnsafeSlow(size);
  return { u8, dv: new DataView(u8.buffer, u8.byteOffset, size) };
}
