import { createSecretKey } from 'node:crypto';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Encoder, registerClass, Thrown } from '../../ts/internal/codec/index.js';
import { SerializationError } from '../../ts/internal/errors.js';
import { memory, Pair } from './setup.js';

const target = memory(1000);

function failure(value: unknown, label = 'args'): SerializationError {
  const encoder = new Encoder(new Pair().hooks);
  encoder.label = label;
  try {
    encoder.encode(target, 0, 1000, [1, value], 0, 2, false);
  } catch (error) {
    if (error instanceof SerializationError) return error;
    throw error;
  }
  throw new Error('it was sent');
}

describe('what cannot be sent', () => {
  const bad = Symbol('s');

  test.each([
    ['args[1]', bad],
    ['args[1].db', { db: bad }],
    ['args[1].list[3]', { list: [1, 2, 3, bad] }],
    ['args[1][0][2].deep', [[1, 2, { deep: bad }]]],
    ['args[1]["a b"]', { 'a b': bad }],
    ['args[1]["0"]', { 0: bad }],
    ['args[1]["größe"]', { größe: bad }],
    ['args[1].get("k").x', new Map([['k', { x: bad }]])],
    ['args[1].get(5)', new Map([[5, bad]])],
    [
      'args[1].keys()[1].x',
      new Map<unknown, unknown>([
        [1, 1],
        [{ x: bad }, 2],
      ]),
    ],
    ['args[1].values()[1]', new Set([1, bad])],
    ['args[1].named', Object.assign([1, 2], { named: bad })],
    ['args[1].second', { first: [{}], second: bad, third: bad }],
  ])('is named by its path: %s', (path, value) => {
    const error = failure(value);
    expect(error.path).toBe(path);
    expect(error.message).toBe(`Cannot send \`${path}\`: a symbol cannot be cloned`);
    expect(error.code).toBe('ERR_MANYCORE_SERIALIZATION');
  });

  test('labels of items and of single values', () => {
    const encoder = new Encoder(new Pair().hooks);
    encoder.label = 'item';
    expect(() => encoder.encode(target, 0, 1000, [1, 2, { a: bad }], 2, 3, true)).toThrow('`item[2].a`');
    encoder.label = 'result';
    expect(() => encoder.encodeOne(target, 0, 1000, { a: bad })).toThrow('`result.a`');
    expect(() => encoder.encodeOne(target, 0, 1000, bad)).toThrow('`result`');
  });

  test.each([
    ['a WeakMap', new WeakMap()],
    ['a WeakSet', new WeakSet()],
    ['a WeakRef', new WeakRef({})],
    ['a Promise', Promise.resolve()],
    ['a Map Iterator', new Map().entries()],
    ['a NumberFormat', new Intl.NumberFormat()],
    ['a PassThrough', new PassThrough()],
    ['a Proxy', new Proxy(new Map(), {})],
    ['a Proxy', new Proxy(Promise.resolve(), {})],
    ['a FinalizationRegistry', new FinalizationRegistry(() => {})],
    ['a Symbol', Object(Symbol('s'))],
  ])('%s', (kind, value) => {
    const error = failure({ db: value });
    expect(error.path).toBe('args[1].db');
    expect(error.message).toBe(`Cannot send \`args[1].db\`: ${kind} cannot be cloned`);
  });

  test('generators and iterators', () => {
    const generator = (function* () {
      yield 1;
    })();
    for (const value of [generator, [1][Symbol.iterator](), 'x'.matchAll(/x/g)])
      expect(failure([value]).path).toBe('args[1][0]');
  });

  test('a revoked Proxy', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const error = failure({ a: [proxy] });
    expect(error.path).toBe('args[1].a[0]');
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test('a getter that throws: its error is the cause', () => {
    const reason = new Error('not open');
    const error = failure({
      db: {
        get rows() {
          throw reason;
        },
      },
    });
    expect(error.path).toBe('args[1].db.rows');
    expect(error.cause).toBe(reason);
    expect(error.message).toContain('not open');
  });

  test('functions that the hook refuses', () => {
    const error = failure({ run: function helper() {} });
    expect(error.path).toBe('args[1].run');
    expect(error.message).toContain('the function `helper`');
    expect(error.message).toContain('uses a variable of its surroundings');
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('things that the hook does not attach', () => {
    const pair = new Pair();
    pair.hooks.attach = () => {
      throw new Error('not in a child process');
    };
    const { port1, port2 } = new MessageChannel();
    try {
      expect(() => pair.one({ a: [port1] })).toThrow(/`value\.a\[0\]` \(a MessagePort\): not in a child process/);
      expect(() => pair.one({ m: new SharedArrayBuffer(8) })).toThrow(/`value\.m` \(a SharedArrayBuffer\)/);
      expect(() => pair.one({ m: new Int32Array(new SharedArrayBuffer(8)) })).toThrow(SerializationError);
    } finally {
      port1.close();
      port2.close();
    }
  });

  test('cycles do not keep the path from being found', () => {
    const value: Record<string, unknown> = { list: [] };
    value.self = value;
    (value.list as unknown[]).push(value, { bad });
    expect(failure(value).path).toBe('args[1].list[1].bad');
  });
});

describe('what travels beside the bytes', () => {
  test('ports, modules, keys and blobs keep their identity through the hooks', () => {
    const pair = new Pair();
    const { port1, port2 } = new MessageChannel();
    const wasm = (globalThis as unknown as { WebAssembly: { Module: new (b: Uint8Array) => object } }).WebAssembly;
    const values = [
      port1,
      new wasm.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
      createSecretKey(Buffer.alloc(16)),
      new Blob(['x']),
      new net.BlockList(),
      new SharedArrayBuffer(4),
    ];
    const copy = pair.one({ deep: values, again: port1 }) as { deep: unknown[]; again: unknown };
    expect(copy.deep.every((value, i) => value === values[i])).toBe(true);
    expect(copy.again).toBe(port1);
    expect(pair.hooks.attachments).toEqual(values);
    // Once per message, also across independent values.
    pair.many([port1, [port1]], true);
    expect(pair.hooks.attachments.length).toBe(values.length + 1);
    port1.close();
    port2.close();
  });

  test('functions travel by their definition, once per object', () => {
    const pair = new Pair();
    const fn = () => 1;
    pair.hooks.sendable.add(fn);
    const copy = pair.one({ run: fn, all: [fn, fn], error: Object.assign(new Error('e'), { fn }) }) as {
      run: unknown;
      all: unknown[];
      error: { fn: unknown };
    };
    expect(copy.run).toBe(fn);
    expect(copy.all).toEqual([fn, fn]);
    expect(copy.error.fn).toBe(fn);
  });

  test('a definition that the hook refuses to load', () => {
    const pair = new Pair();
    const fn = () => 1;
    pair.hooks.sendable.add(fn);
    const message = pair.bytesOf([fn]);
    pair.hooks.load = () => {
      throw new SyntaxError('no such thing here');
    };
    expect(() => pair.decoder.decodeOne(message, 0, message.u8.length)).toThrow(/no such thing here/);
  });

  test('errors among results are marked', () => {
    const pair = new Pair();
    const values = pair.many([1, new Thrown(new TypeError('no')), new TypeError('returned'), new Thrown('text')], true);
    expect(values[1]).toBeInstanceOf(Thrown);
    expect((values[1] as Thrown).error).toBeInstanceOf(TypeError);
    expect(values[2]).toBeInstanceOf(TypeError);
    expect((values[3] as Thrown).error).toBe('text');
  });
});

describe('registered classes', () => {
  class Point {
    constructor(
      public x = 1,
      public y = 2,
    ) {}
    sum(): number {
      return this.x + this.y;
    }
    set z(_: number) {
      throw new Error('the setter was called');
    }
  }
  registerClass(Point);

  test('keep their prototype, without their constructor being called', () => {
    const pair = new Pair();
    for (let i = 0; i < 50; i++) {
      const copy = pair.one({ p: new Point(i, 1), list: [new Point(2, 3)] }) as { p: Point; list: Point[] };
      expect(copy.p).toBeInstanceOf(Point);
      expect([copy.p.sum(), copy.list[0].sum()]).toEqual([i + 1, 5]);
    }
  });

  test('own properties are defined, not assigned; cycles and identity are kept', () => {
    const pair = new Pair();
    const point = Object.defineProperty(new Point(), 'z', { value: 9, enumerable: true }) as Point & { me?: Point };
    point.me = point;
    const copy = pair.one([point, point]) as (Point & { me: Point; z: number })[];
    expect(copy[0]).toBe(copy[1]);
    expect(copy[0].me).toBe(copy[0]);
    expect([copy[0].sum(), Object.getOwnPropertyDescriptor(copy[0], 'z')?.value]).toEqual([3, 9]);
  });

  test('subclasses of built-in classes keep both', () => {
    class Registry extends Map<string, number> {
      total(): number {
        return [...this.values()].reduce((a, b) => a + b, 0);
      }
    }
    class Stack extends Array<number> {
      top(): number | undefined {
        return this.at(-1);
      }
    }
    registerClass(Registry);
    registerClass(Stack, { name: 'test.Stack' });
    const pair = new Pair();
    const [registry, stack] = pair.one([
      new Registry([
        ['a', 1],
        ['b', 2],
      ]),
      Stack.from([1, 2, 3]),
    ]) as [Registry, Stack];
    expect(registry).toBeInstanceOf(Registry);
    expect(registry.total()).toBe(3);
    expect(stack).toBeInstanceOf(Stack);
    expect(stack.top()).toBe(3);
  });

  test('a class that is not registered here gives a plain object', () => {
    const pair = new Pair();
    const message = pair.bytesOf(new Point(1, 2));
    const at = message.u8.indexOf('Point');
    message.u8.write('Joint', at);
    expect(pair.decoder.decodeOne(message, 0, message.u8.length)).toStrictEqual({ x: 1, y: 2 });
  });

  test('bad registrations', () => {
    expect(() => registerClass(5 as never)).toThrow(TypeError);
    expect(() => registerClass((() => {}) as never)).toThrow(TypeError);
    expect(() => registerClass(class {}, { name: '' })).toThrow(TypeError);
    expect(() => registerClass(class Point {})).toThrow(/Another class is registered under the name `Point`/);
    expect(() => registerClass(Point, { name: 'Other' })).toThrow(/already registered/);
    expect(() => registerClass(Point)).not.toThrow();
  });
});
