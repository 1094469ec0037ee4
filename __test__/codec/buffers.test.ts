import * as threads from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { SerializationError } from '../../ts/internal/errors.js';
import { Pair } from './setup.js';

const pair = new Pair();

describe('buffers and views', () => {
  test('every kind of typed array, with its length and content', () => {
    for (const C of [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
    ]) {
      for (const value of [new C(0), new C([1, 2, 3]), new C(5000).fill(7)]) {
        const copy = pair.one(value) as Uint8Array;
        expect(copy).toStrictEqual(value);
        expect(copy.constructor).toBe(C);
        expect(copy.byteOffset).toBe(0);
      }
    }
    for (const value of [new BigInt64Array([-1n, 2n]), new BigUint64Array([1n, 2n ** 64n - 1n])]) {
      expect(pair.one(value)).toStrictEqual(value);
    }
    const view = new DataView(Uint8Array.from([1, 2, 3, 4]).buffer, 1, 2);
    const copy = pair.one(view) as DataView;
    expect([copy.byteLength, copy.getUint8(0), copy.getUint8(1)]).toEqual([2, 2, 3]);
  });

  test('ArrayBuffers', () => {
    for (const size of [0, 1, 7, 8, 100_000]) {
      const buffer = new Uint8Array(size).fill(5).buffer;
      const copy = pair.one({ buffer }) as { buffer: ArrayBuffer };
      expect(copy.buffer).toStrictEqual(buffer);
      expect(copy.buffer).not.toBe(buffer);
    }
  });

  test('Buffers arrive as Buffers, at any depth', () => {
    for (const value of [
      Buffer.alloc(0),
      Buffer.from('short'),
      Buffer.alloc(3000, 'x'),
      Buffer.alloc(100_000, 'y'),
      Buffer.from('slab').subarray(1),
    ]) {
      const { deep } = pair.one({ deep: [new Map([['b', value]])] }) as { deep: [Map<string, Buffer>] };
      const copy = deep[0].get('b') as Buffer;
      expect(Buffer.isBuffer(copy)).toBe(true);
      expect(copy.equals(value)).toBe(true);
    }
  });

  test('Buffers of one slab are sent alone', () => {
    const first = Buffer.from('first');
    const second = Buffer.from('second');
    const message = pair.bytesOf([first, second]);
    expect(message.u8.length).toBeLessThan(200);
    expect(pair.one([first, second])).toStrictEqual([first, second]);
  });

  test('Buffers of one large buffer share it, though it is as large as a slab', () => {
    const large = Buffer.alloc(Buffer.poolSize, 7);
    const [a, b] = pair.one([large.subarray(0, 20), large.subarray(10, 30)]) as [Buffer, Buffer];
    expect([a, b]).toStrictEqual([Buffer.alloc(20, 7), Buffer.alloc(20, 7)]);
    a.fill(1);
    // Node 20 cannot say what is a slab: there the size decides, and each is sent alone.
    expect(b[0]).toBe('isMarkedAsUntransferable' in threads ? 1 : 7);
  });

  test('a lone view of a larger buffer takes only its bytes along', () => {
    const large = new ArrayBuffer(1 << 20);
    const part = new Float64Array(large, 1024, 4).fill(1.5);
    const message = pair.bytesOf({ part });
    expect(message.u8.length).toBeLessThan(200);
    const copy = (pair.one({ part }) as { part: Float64Array }).part;
    expect(copy).toStrictEqual(part);
    expect(copy.buffer.byteLength).toBe(32);
    const bytes = Buffer.from(large).subarray(5, 10);
    expect((pair.one(bytes) as Buffer).length).toBe(5);
  });

  test('views of one buffer arrive as views of one buffer', () => {
    const buffer = new ArrayBuffer(64);
    const values = [
      new Uint8Array(buffer, 8, 16),
      new Float64Array(buffer, 16, 2),
      new DataView(buffer, 3),
      Buffer.from(buffer, 1, 4),
    ];
    const copies = pair.one(values) as Uint8Array[];
    for (const [i, copy] of copies.entries()) {
      expect(copy.buffer).toBe(copies[0].buffer);
      expect([copy.byteOffset, copy.byteLength]).toEqual([values[i].byteOffset, values[i].byteLength]);
      expect(Object.getPrototypeOf(copy)).toBe(Object.getPrototypeOf(values[i]));
    }
    copies[0][8] = 0x3f;
    expect(new Uint8Array(copies[1].buffer)[16]).toBe(0x3f);
  });

  test('a view and its buffer, in either order', () => {
    const view = new Uint8Array(new ArrayBuffer(32), 4, 8).fill(9);
    for (const value of [
      [view, view.buffer],
      [view.buffer, view],
    ]) {
      const copy = pair.one(value) as [Uint8Array, ArrayBuffer];
      const [v, b] = copy[0] instanceof ArrayBuffer ? [copy[1], copy[0]] : copy;
      expect((v as Uint8Array).buffer).toBe(b);
      expect(new Uint8Array(b as ArrayBuffer)).toStrictEqual(new Uint8Array(view.buffer));
    }
  });

  test('resizable buffers and the views that follow their length', () => {
    const buffer = new (
      ArrayBuffer as unknown as new (
        n: number,
        o: object,
      ) => ArrayBuffer & { resize(n: number): void }
    )(8, { maxByteLength: 64 });
    const fixed = new Uint8Array(buffer, 0, 4).fill(1);
    const copy = pair.one({ whole: new Uint8Array(buffer), fixed }) as { whole: Uint8Array; fixed: Uint8Array };
    const copied = copy.whole.buffer as unknown as {
      resizable: boolean;
      maxByteLength: number;
      resize(n: number): void;
    };
    expect([copied.resizable, copied.maxByteLength]).toEqual([true, 64]);
    copied.resize(16);
    expect([copy.whole.length, copy.fixed.length]).toEqual([16, 4]);
    expect(copy.fixed).toStrictEqual(fixed);
  });

  test('a detached buffer is refused', () => {
    const view = new Uint8Array(8);
    structuredClone(view.buffer, { transfer: [view.buffer] });
    expect(() => pair.one({ a: view.buffer })).toThrow(/`value\.a` .*detached/);
    expect(() => pair.one({ a: [view] })).toThrow(SerializationError);
  });

  test('buffers that move travel by their id', () => {
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const other = new Uint8Array([9]);
    const id = pair.hooks.attachments.push(buffer) - 1;
    const message = pair.bytesOf({ big: new Uint16Array(buffer, 2, 2), buffer, other }, new Map([[buffer, id]]));
    const copy = pair.decoder.decodeOne(message, 0, message.u8.length) as {
      big: Uint16Array;
      buffer: ArrayBuffer;
      other: Uint8Array;
    };
    expect(copy.buffer).toBe(buffer);
    expect(copy.big.buffer).toBe(buffer);
    expect([copy.big.byteOffset, copy.big.length]).toEqual([2, 2]);
    expect(copy.other).toStrictEqual(other);
    expect(copy.other.buffer).not.toBe(other.buffer);
    // The list is for one message only.
    const next = pair.one({ buffer }) as { buffer: ArrayBuffer };
    expect(next.buffer).not.toBe(buffer);
  });

  test('shared memory stays shared, with kind, offset and length', () => {
    const shared = new SharedArrayBuffer(64);
    const values = [
      shared,
      new Int32Array(shared, 8, 4),
      Buffer.from(shared as unknown as ArrayBuffer, 4, 8),
      new DataView(shared, 2, 3),
    ];
    const before = pair.hooks.attachments.length;
    const copies = pair.one(values) as typeof values;
    expect(pair.hooks.attachments.length).toBe(before + 1);
    expect(copies[0]).toBe(shared);
    const int32 = copies[1] as Int32Array;
    expect(int32.buffer).toBe(shared);
    expect([int32.byteOffset, int32.length]).toEqual([8, 4]);
    const buffer = copies[2] as Buffer;
    expect([Buffer.isBuffer(buffer), buffer.buffer === (shared as unknown), buffer.byteOffset, buffer.length]).toEqual([
      true,
      true,
      4,
      8,
    ]);
    expect((copies[3] as DataView).byteOffset).toBe(2);
  });

  test('thousands of views in one message', () => {
    const values = Array.from({ length: 5000 }, (_, i) => new Uint16Array([i, i + 1]));
    expect(pair.one(values)).toStrictEqual(values);
    expect(pair.many(values, true)).toStrictEqual(values);
  });
});
