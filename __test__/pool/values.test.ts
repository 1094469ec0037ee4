import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { SerializationError } from 'manycore';
import { describe, expect, test } from 'vitest';
import { OrderError, Point } from '../fixtures/errors.mjs';
import { echo, failure, inChildren, makePool, numbers, ref, square, threadOf, threadsOnly } from '../helpers.js';

describe('values', () => {
  test('B6 primitives come back exactly', async () => {
    const pool = makePool(1);
    const primitives = [undefined, null, true, false, 0, -0, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, -1];
    const texts = ['', 'text', 'ä', '世界', '😀', '\ud800', 'a\0b', 'x'.repeat(100_000)];
    const large = [0n, -1n, 2n ** 64n, -(2n ** 200n)];
    for (const value of [...primitives, ...texts, ...large]) {
      expect(Object.is(await pool.apply(echo, [value]), value), String(value)).toBe(true);
    }
    const all = [...primitives, ...texts, ...large];
    const back = await pool.map(echo, all);
    expect(back.every((value, index) => Object.is(value, all[index]))).toBe(true);
  });

  test('B6 objects come back exactly', async () => {
    const pool = makePool(1);
    const holes: unknown[] = [1];
    holes[3] = 4;
    const values: unknown[] = [
      {},
      [],
      holes,
      { a: { b: { c: [null, undefined, ''] } } },
      new Date(1_234_567_890),
      new Date(Number.NaN),
      new Map<unknown, unknown>([[{ k: 1 }, new Set([1, 'two'])]]),
      new Set([new Map([[1, 2]])]),
      /a+b/giu,
      new Boolean(false),
      Object(1n),
      new String('boxed'),
      new Uint8Array([1, 2, 3]),
      new Float64Array([0.5, -0]),
      new BigInt64Array([1n, -1n]),
      new Uint8Array([1, 2, 3]).buffer,
      new DataView(new ArrayBuffer(8), 2, 4),
      JSON.parse('{"__proto__": {"polluted": true}}'),
    ];
    for (const value of values) expect(await pool.apply(echo, [value])).toStrictEqual(value);
    expect(await pool.map(echo, values)).toStrictEqual(values);
    expect(Object.keys(await pool.apply(echo, [JSON.parse('{"__proto__": 1}')]))).toEqual(['__proto__']);
  });

  test('B6 cycles and identity are kept within one call', async () => {
    const pool = makePool(1);
    const cycle: { self?: unknown; list: unknown[] } = { list: [] };
    cycle.self = cycle;
    cycle.list.push(cycle, cycle.list);
    const back = await pool.apply(echo, [cycle]);
    expect(back.self).toBe(back);
    expect(back.list[0]).toBe(back);
    expect(back.list[1]).toBe(back.list);
    const shared = { n: 1 };
    expect(await pool.apply((a: unknown, b: unknown) => a === b, [shared, shared])).toBe(true);
    const bytes = new Uint8Array(8);
    const views = [bytes.subarray(0, 4), bytes.subarray(2)];
    const same = await pool.apply((a: Uint8Array, b: Uint8Array) => a.buffer === b.buffer, [views[0], views[1]]);
    expect(same).toBe(true);
  });

  test('B7 a Buffer arrives as a Buffer and comes back as one', async () => {
    const pool = makePool(1);
    const call = (value: unknown) => ({ isBuffer: Buffer.isBuffer(value), back: value, own: Buffer.from('made here') });
    const { isBuffer, back, own } = await pool.apply(call, [Buffer.from('sent')]);
    expect(isBuffer).toBe(true);
    expect(Buffer.isBuffer(back)).toBe(true);
    expect(String(back)).toBe('sent');
    expect(Buffer.isBuffer(own)).toBe(true);
    expect(String(own)).toBe('made here');
    expect(Buffer.isBuffer(await pool.apply(echo, [new Uint8Array(3)]))).toBe(false);
  });

  test('B8 an argument that cannot be sent rejects with its path; the next call runs', async () => {
    const pool = makePool(1);
    const error = await failure(() => pool.apply(echo, [{ db: { socket: Symbol('s') } }]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.code).toBe('ERR_MANYCORE_SERIALIZATION');
    expect(error.message).toContain('args[0].db.socket');
    expect(await pool.apply(square, [3])).toBe(9);
    const second = await failure(() => pool.apply((_: number, b: unknown) => b, [1, new WeakMap()]));
    expect(second.message).toContain('args[1]');
    const inner = await failure(() => pool.apply(echo, [new Map([['key', [Promise.resolve()]]])]));
    expect(inner).toBeInstanceOf(SerializationError);
    expect(pool.stats().pending).toBe(0);
    expect(await pool.apply(square, [4])).toBe(16);
  });

  test('B8 an item of a map that cannot be sent names its index', async () => {
    const pool = makePool(2);
    const error = await failure(() => pool.map(echo, [1, 2, { bad: Symbol('s') }]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.message).toMatch(/2.*\.bad/);
  });

  test('B9 a result that cannot be sent rejects with an Error; the worker is used again', async () => {
    const pool = makePool(1);
    const thread = await pool.apply(threadOf);
    for (const make of [() => Symbol('s'), () => ({ weak: new WeakSet() }), () => [new Map([[1, Symbol('v')]])]]) {
      const error = await failure(() => pool.apply(make as () => unknown));
      expect(error).toBeInstanceOf(SerializationError);
      expect(error).toBeInstanceOf(Error);
    }
    const error = await failure(() => pool.apply(() => ({ weak: { set: new WeakSet() } })));
    expect(error.message).toContain('weak.set');
    expect(await pool.apply(threadOf)).toBe(thread);
  });

  test('B9 one unsendable result of a map: the other items have run', async () => {
    const pool = makePool(2);
    const settled = await pool.map((x: number) => (x === 1 ? (Symbol('s') as unknown) : x), [0, 1, 2], {
      settled: true,
    });
    expect(settled.map((it) => it.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((settled[1] as PromiseRejectedResult).reason).toBeInstanceOf(SerializationError);
  });

  test('B11 errors keep name, code, own properties, cause and class', async () => {
    const pool = makePool(1);
    const plain = await failure(() => pool.apply(ref('errors.mjs', 'failPlain')));
    expect(plain).toBeInstanceOf(RangeError);
    expect(plain.name).toBe('PlainError');
    expect(plain.message).toBe('not registered');
    expect(plain.code).toBe('E_PLAIN');
    expect(plain.detail).toEqual({ at: [1, 2] });
    const many = await failure(() => pool.apply(ref('errors.mjs', 'failMany')));
    expect(many).toBeInstanceOf(AggregateError);
    expect(many.errors[0]).toBeInstanceOf(TypeError);
    expect(many.errors[1]).toBeInstanceOf(RangeError);
    expect(many.errors.map((error: Error) => error.message)).toEqual(['first', 'second']);
    const system = await failure(() => pool.apply(ref('errors.mjs', 'failWithCode')));
    expect(system.code).toBe('ENOENT');
    expect(system.path).toBe('/nowhere/at/all');
  });

  test('B11 the class of a registered error is kept', async () => {
    const pool = makePool(1);
    const error = await failure(() => pool.apply(ref('errors.mjs', 'failOrder'), [17]));
    expect(error).toBeInstanceOf(OrderError);
    expect(error.order).toBe(17);
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(error.cause.message).toBe('no stock');
  });

  test('B11 what cannot be sent of an error is left out, the error arrives', async () => {
    const pool = makePool(1);
    const error = await failure(() => pool.apply(ref('errors.mjs', 'failUnsendable')));
    expect(error.message).toBe('with a socket');
    expect(error.good).toBe(1);
    expect('bad' in error).toBe(false);
  });

  test('B12 a typed array is copied without transfer, and moved with it', async () => {
    const pool = makePool(1);
    const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
    const copied = new Float64Array(100).fill(2);
    expect(await pool.apply(sum, [copied])).toBe(200);
    expect(copied.length).toBe(100);
    const moved = new Float64Array(100).fill(3);
    expect(await pool.apply(sum, [moved], { transfer: [moved.buffer] })).toBe(300);
    expect(moved.length).toBe(0);
    expect(moved.buffer.byteLength).toBe(0);
  });

  test('B12 transfer(value, list) moves a result', async () => {
    const pool = makePool(1);
    const moved = await pool.apply(ref('transfer.mjs', 'makeMoved'), [1000]);
    expect(moved).toEqual(new Float64Array(1000).fill(7));
    // Out of a process it is copied.
    expect(await pool.apply(ref('transfer.mjs', 'keptBytes'))).toBe(inChildren ? 8000 : 0);
    const copied = await pool.apply(ref('transfer.mjs', 'makeCopied'), [1000]);
    expect(copied).toEqual(new Float64Array(1000).fill(7));
    expect(await pool.apply(ref('transfer.mjs', 'keptBytes'))).toBe(8000);
    const nested = await pool.apply(ref('transfer.mjs', 'makeNested'), [10]);
    expect(nested.parts[0]).toBe(nested.parts[1]);
    expect(nested.parts[0]).toEqual(new Uint8Array(10).fill(1));
  });

  test('B12 transfer of results in map keeps order', async () => {
    const pool = makePool(2);
    const results: Float64Array[] = await pool.map(ref('transfer.mjs', 'makeMoved'), [1, 2, 3, 4]);
    expect(results.map((result) => result.length)).toEqual([1, 2, 3, 4]);
  });

  threadsOnly('what only structured clone sends')('B12 a MessagePort can be transferred', async () => {
    const pool = makePool(1);
    const { port1, port2 } = new MessageChannel();
    const call = (port: MessagePort): void => {
      port.postMessage('through the port');
      port.close();
    };
    const received = new Promise((done) => {
      port1.once('message', done);
    });
    await pool.apply(call, [port2], { transfer: [port2] });
    expect(await received).toBe('through the port');
    port1.close();
  });

  threadsOnly('shared buffers')('B13 a SharedArrayBuffer is shared, not copied', async () => {
    const pool = makePool(2);
    const buffer = new SharedArrayBuffer(16);
    const view = new Int32Array(buffer);
    const call = (shared: SharedArrayBuffer): number => Atomics.add(new Int32Array(shared), 3, 1);
    await pool.map(
      call,
      numbers(100).map(() => buffer),
    );
    expect(view[3]).toBe(100);
    await pool.apply((slots: Int32Array) => Atomics.store(slots, 3, 5), [view]);
    expect(view[3]).toBe(5);
    const back = await pool.apply(echo, [{ deep: [buffer] }]);
    expect(back.deep[0]).toBeInstanceOf(SharedArrayBuffer);
    new Int32Array(back.deep[0])[3] = 77;
    expect(view[3]).toBe(77);
  });

  threadsOnly('what only structured clone sends')(
    'WebAssembly modules, keys and blobs are sent, at any depth',
    async () => {
      const pool = makePool(1);
      const { createSecretKey } = process.getBuiltinModule('node:crypto');
      // The smallest module there is: the magic number and the version.
      const { Module } = Reflect.get(globalThis, 'WebAssembly');
      const module: object = new Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
      const key = createSecretKey(Buffer.from('secret'));
      const call = async (sent: { list: [object, typeof key, Blob] }) => {
        const [wasm, secret, blob] = sent.list;
        return {
          kinds: [String(wasm), secret.export().toString(), await blob.text()],
          back: { wasm, secret, blob },
        };
      };
      const { kinds, back } = await pool.apply(call, [{ list: [module, key, new Blob(['in a blob'])] }]);
      expect(kinds).toEqual(['[object WebAssembly.Module]', 'secret', 'in a blob']);
      expect(back.wasm).toBeInstanceOf(Module);
      expect(back.secret.export().toString()).toBe('secret');
      expect(await back.blob.text()).toBe('in a blob');
    },
  );

  test('B11 a DOMException arrives as one', async () => {
    const pool = makePool(1);
    const call = () => AbortSignal.abort().throwIfAborted();
    const error = await failure(() => pool.apply(call));
    expect(error.name).toBe('AbortError');
    expect(error).toBeInstanceOf(DOMException);
    expect(error.code).toBe(DOMException.ABORT_ERR);
  });

  test('a class without registration arrives as a plain object, a registered one as itself', async () => {
    const pool = makePool(1);
    class Local {
      x = 1;
      get double() {
        return 2 * this.x;
      }
    }
    const plain = await pool.apply(echo, [new Local()]);
    expect(plain).toEqual({ x: 1 });
    expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
    const point: Point = await pool.apply(ref('errors.mjs', 'double'), [new Point(1, 2)]);
    expect(point).toBeInstanceOf(Point);
    expect(point.norm1).toBe(6);
  });

  test('functions travel as arguments and in results', async () => {
    const pool = makePool(1);
    const call = (f: (x: number) => number, values: number[]) => values.map((value) => f(value));
    expect(await pool.apply(call, [square, [1, 2, 3]])).toEqual([1, 4, 9]);
    const made = await pool.apply(() => ({ twice: (x: number) => 2 * x }));
    expect(made.twice(21)).toBe(42);
    expect(await pool.map((f: (x: number) => number) => f(9), [Math.sqrt, square])).toEqual([3, 81]);
  });

  test('large values: 32 MiB in and out', async () => {
    const pool = makePool(1);
    const bytes = new Uint8Array(32 << 20);
    bytes[bytes.length - 1] = 9;
    const back = await pool.apply((value: Uint8Array) => value, [bytes]);
    expect(back.length).toBe(32 << 20);
    expect(back[back.length - 1]).toBe(9);
    const text = 'é'.repeat(4 << 20);
    expect((await pool.apply(echo, [text])) === text).toBe(true);
  });
});
