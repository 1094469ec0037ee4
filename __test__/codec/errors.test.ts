import { types } from 'node:util';
import { describe, expect, test } from 'vitest';
import { registerClass } from '../../ts/internal/codec/index.js';
import { errorClasses, TimeoutError, WorkerLostError } from '../../ts/internal/errors.js';
import { Pair } from './setup.js';

const pair = new Pair();
const send = <T>(value: T): T => pair.one(value) as T;

describe('errors', () => {
  test.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])(
    '%o keeps its class',
    (C) => {
      const error = new C('what');
      const copy = send(error);
      expect(Object.getPrototypeOf(copy)).toBe(C.prototype);
      expect(types.isNativeError(copy)).toBe(true);
      expect(copy.message).toBe('what');
      expect(copy.name).toBe(C.name);
      expect(copy.stack).toBe(error.stack);
      expect(Object.keys(copy)).toEqual([]);
      expect(Object.hasOwn(copy, 'name')).toBe(false);
    },
  );

  test('what an error has of its own', () => {
    const error = Object.assign(new Error('what', { cause: new TypeError('why') }), {
      code: 'E_CODE',
      detail: { a: [1] },
    });
    const copy = send({ deep: [error] }).deep[0];
    expect(copy.cause).toBeInstanceOf(TypeError);
    expect((copy.cause as Error).message).toBe('why');
    expect([copy.code, copy.detail]).toEqual(['E_CODE', { a: [1] }]);
    expect(Object.keys(copy)).toEqual(['code', 'detail']);
    for (const key of ['message', 'stack', 'cause'])
      expect(Object.keys(Object.getOwnPropertyDescriptor(copy, key) ?? {})).toContain('value');
  });

  test('a cause of undefined is not an absent one', () => {
    expect(Object.hasOwn(send(new Error('a', { cause: undefined })), 'cause')).toBe(true);
    expect(Object.hasOwn(send(new Error('a')), 'cause')).toBe(false);
    expect(Object.hasOwn(send(new Error()), 'message')).toBe(false);
  });

  test('AggregateError with its errors', () => {
    const copy = send(new AggregateError([new RangeError('a'), 'text'], 'all'));
    expect(Object.getPrototypeOf(copy)).toBe(AggregateError.prototype);
    expect(copy.errors[0]).toBeInstanceOf(RangeError);
    expect(copy.errors[1]).toBe('text');
    expect(Object.getOwnPropertyDescriptor(copy, 'errors')?.enumerable).toBe(false);
  });

  test('DOMException with its name and code', () => {
    const error = new DOMException('stop', 'AbortError');
    const copy = send(error);
    expect(copy).toBeInstanceOf(DOMException);
    expect([copy.name, copy.message, copy.code]).toEqual(['AbortError', 'stop', 20]);
    expect(copy.stack).toBe(error.stack);
  });

  test("this package's own classes", () => {
    const lost = send(new WorkerLostError('gone', { exitCode: 5, reason: 'exit', index: 3, cause: 'x' }));
    expect(Object.getPrototypeOf(lost)).toBe(WorkerLostError.prototype);
    expect([lost.message, lost.exitCode, lost.reason, lost.index, lost.cause]).toEqual(['gone', 5, 'exit', 3, 'x']);
    for (const [name, C] of errorClasses) {
      const copy = send(new C('m'));
      expect(Object.getPrototypeOf(copy)).toBe(C.prototype);
      expect([copy.name, copy.code]).toEqual([name, new C('m').code]);
      expect(copy).toBeInstanceOf(C);
    }
  });

  test('subclasses arrive as the nearest known class, with their name', () => {
    class MyTimeout extends TimeoutError {
      override name = 'MyTimeout';
    }
    class NotFound extends RangeError {
      get [Symbol.toStringTag](): string {
        return 'x';
      }
    }
    Object.defineProperty(NotFound.prototype, 'name', { value: 'NotFound' });
    const timeout = send(new MyTimeout('late'));
    expect(Object.getPrototypeOf(timeout)).toBe(TimeoutError.prototype);
    expect(timeout.name).toBe('MyTimeout');
    const notFound = send(new NotFound('where'));
    expect(Object.getPrototypeOf(notFound)).toBe(RangeError.prototype);
    expect([notFound.name, String(notFound)]).toEqual(['NotFound', 'NotFound: where']);
  });

  test('errors made by the way of old, that only inherit from Error', () => {
    function Legacy(this: Error, message: string): void {
      this.message = message;
    }
    Legacy.prototype = Object.create(Error.prototype, { name: { value: 'Legacy' } });
    const copy = send(new (Legacy as unknown as new (m: string) => Error)('old'));
    expect(copy).toBeInstanceOf(Error);
    expect([copy.name, copy.message]).toEqual(['Legacy', 'old']);
  });

  test('a registered class comes back', () => {
    class Conflict extends Error {
      override name = 'Conflict';
      constructor(
        readonly id: number,
        options?: ErrorOptions,
      ) {
        super(`conflict on ${id}`, options);
      }
      describe(): string {
        return `${this.name} ${this.id}`;
      }
    }
    registerClass(Conflict, { name: 'test.Conflict' });
    const copy = send(new Conflict(7, { cause: new Conflict(8) }));
    expect(copy).toBeInstanceOf(Conflict);
    expect([copy.describe(), (copy.cause as Conflict).describe()]).toEqual(['Conflict 7', 'Conflict 8']);
    expect(types.isNativeError(copy)).toBe(true);
  });

  test('what cannot be sent is left out, and the rest arrives', () => {
    const shared = { a: 1 };
    const error = Object.assign(new Error('main', { cause: Symbol('s') }), {
      before: shared,
      socket: Promise.resolve(),
      deep: { shared, fresh: { b: new Uint8Array(3), bad: new WeakMap() } },
      after: [shared, { b: 1 }, new Uint8Array([1])],
    });
    Object.defineProperty(error, 'broken', {
      enumerable: true,
      get() {
        throw new Error('getter');
      },
    });
    for (let i = 0; i < 3; i++) {
      const copy = send([error, shared, error]) as (typeof error)[];
      expect(Object.keys(copy[0])).toEqual(['before', 'after']);
      expect(copy[0].before).toBe(copy[1]);
      expect((copy[0].after as unknown[])[0]).toBe(copy[1]);
      expect(copy[0].after).toStrictEqual([shared, { b: 1 }, new Uint8Array([1])]);
      expect(copy[2]).toBe(copy[0]);
    }
  });

  test('more objects than the short list holds, partly left out', () => {
    const many = Array.from({ length: 50 }, (_, i) => ({ i }));
    const error = Object.assign(new Error('main'), { bad: [...many, Symbol('s')], good: many });
    const copy = send([error, many]) as [Error & { good: object[] }, object[]];
    expect(Object.keys(copy[0])).toEqual(['good']);
    expect(copy[0].good).toBe(copy[1]);
    expect(copy[1]).toStrictEqual(many);
  });

  test('frozen errors', () => {
    const copy = send(Object.freeze(Object.assign(new TypeError('cold'), { code: 1 })));
    expect([copy.message, copy.code]).toEqual(['cold', 1]);
  });

  test('errors that resist being read', () => {
    const throwing = new Proxy(new Error('x'), {
      get() {
        throw new Error('get');
      },
      ownKeys() {
        throw new Error('keys');
      },
      has() {
        throw new Error('has');
      },
      getOwnPropertyDescriptor() {
        throw new Error('descriptor');
      },
    });
    expect(send(throwing)).toBeInstanceOf(Error);
    const transparent = send(new Proxy(Object.assign(new RangeError('through'), { code: 5 }), {}));
    expect(transparent).toBeInstanceOf(RangeError);
    expect([transparent.message, transparent.code]).toEqual(['through', 5]);
    const evil = new Error('x');
    for (const key of ['stack', 'cause', 'message', 'name']) {
      Object.defineProperty(evil, key, {
        get() {
          throw new Error(key);
        },
      });
    }
    const copy = send(evil);
    expect(copy).toBeInstanceOf(Error);
    expect(typeof copy.stack).toBe('string');
  });

  test('a stack that is not text', () => {
    const error = new Error('x');
    Object.defineProperty(error, 'stack', { value: [Symbol('callsite')] });
    expect(send(error).stack).toBe('Error: x');
  });

  test('long chains of causes', () => {
    let error = new Error('first');
    for (let i = 0; i < 50_000; i++) error = new Error(`e${i}`, { cause: error });
    const copy = send(error);
    expect(copy.message).toBe('e49999');
    expect((copy.cause as Error).message).toBe('e49998');
  });

  test('errors that lie too deep for the stack of a receiver are cut off', () => {
    let error = new Error('first');
    for (let i = 0; i < 1000; i++) error = new AggregateError([error], `e${i}`, { cause: error });
    let levels = 0;
    for (let copy = send(error); copy.cause !== undefined; copy = copy.cause as Error) levels++;
    expect(levels).toBe(256);
    // What lies beside a long chain is as deep as ever.
    expect(send([error, new Error('a', { cause: { b: 1 } })])[1].cause).toEqual({ b: 1 });
  });

  test('the limit of stack traces is as it was', () => {
    const limit = Error.stackTraceLimit;
    send(new Error('x'));
    expect(Error.stackTraceLimit).toBe(limit);
  });
});
