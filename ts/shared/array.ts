import { expected } from '../internal/describe.js';
import { Facet, handleKey, type SharedHandle } from '../internal/handles.js';
import { nativePath } from '../internal/native.js';
import { integerFrom } from '../internal/options/checks.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import type * as Types from './array-types.js';
import { lockable, RAW, readLock } from './lockable.js';
import { adopt, bufferFor, constantOf, createObject, ObjectKind, ObjectLayout, Opened, onOpen } from './objects.js';
import { type ElementType, type PlainArray, typeNumbered, typeOf } from './types.js';

/** Of any element type: TypeScript makes no class out of many. */
type ArrayClass = new (from: Opened) => Int32Array & SharedHandle;

/** Of every Array, whatever its type. */
const brand = Symbol('manycore.Array');

/** The class of Arrays without a lock of this type. */
function rawClass({ Plain }: ElementType): ArrayClass {
  const Base = Plain as unknown as new (buffer: ArrayBufferLike) => Int32Array;
  class RawArray extends Base implements SharedHandle {
    readonly #block: number;

    constructor(from: Opened) {
      if (!(from instanceof Opened))
        throw new TypeError('An Array is made by `new SharedArray(typecode, sizeOrIterable)`');
      super(bufferFor(from.block));
      this.#block = from.block;
      adopt(this, from.block);
    }

    /** What `slice`, `map`, `filter` and `subarray` give is no Array. */
    static get [Symbol.species](): unknown {
      return Plain;
    }

    get [brand](): true {
      return true;
    }

    get [handleKey](): SharedHandle[typeof handleKey] {
      return { addon: nativePath, block: this.#block, facet: Facet.object };
    }

    /** Where the buffer is not known to the engine as shared, sorting while others write to it could crash. */
    override sort(compare?: (a: number, b: number) => number): this {
      if (this.buffer instanceof SharedArrayBuffer) return super.sort(compare);
      this.set(new Base(this as unknown as ArrayBufferLike).sort(compare));
      return this;
    }
  }
  return RawArray as unknown as ArrayClass;
}

/** The class of Arrays with a lock of this type. */
function lockedClass({ Plain }: ElementType, Raw: ArrayClass): ArrayClass {
  const Locked = lockable(Raw);
  class SharedArray extends Locked {
    #obj: PlainArray | undefined;

    getObj(): PlainArray {
      this.#obj ??= new Plain(this.buffer);
      return this.#obj;
    }
  }
  return SharedArray as unknown as ArrayClass;
}

/** `Array` stands for the global of that name in the module that imports it. */
function notHere(method: string): () => never {
  return () => {
    throw new TypeError(
      `The \`Array\` of manycore has no \`${method}\`; the global one is \`globalThis.Array.${method}\``,
    );
  };
}
const statics = Object.fromEntries(
  ['from', 'of', 'isArray'].map((method) => [method, { value: notHere(method), configurable: true, writable: true }]),
);

/** By the number of their type: the classes without and with a lock. Made when they are first needed. */
const rawClasses: ArrayClass[] = [];
const lockedClasses: ArrayClass[] = [];

function classFor(type: ElementType, lock: number): ArrayClass {
  rawClasses[type.number] ??= named(rawClass(type), 'RawArray');
  if (lock === RAW) return rawClasses[type.number];
  lockedClasses[type.number] ??= named(lockedClass(type, rawClasses[type.number]), 'SharedArray');
  return lockedClasses[type.number];
}

function named(C: ArrayClass, name: string): ArrayClass {
  return Object.defineProperties(C, { name: { value: name }, ...statics });
}

onOpen(ObjectKind.array, (block) => {
  const type = typeNumbered(constantOf(block, ObjectLayout.a));
  const C = classFor(type, constantOf(block, ObjectLayout.c));
  return new C(new Opened(block));
});

/** More does not fit into the region. */
const MAX_BYTES = 0xffff_ffff;
const size = integerFrom(0);

function makeArray(typecode: unknown, sizeOrIterable: unknown, options: unknown): PlainArray {
  const type = typeOf(typecode, 'typecode');
  if (type.family === 'bool') throw new TypeError("Bad typecode: an Array of booleans does not exist; use 'B'");
  const lock = readLock(options);
  if (typeof sizeOrIterable === 'number') return create(type, size(sizeOrIterable, 'sizeOrIterable') as number, lock);
  const content = contentOf(type, sizeOrIterable);
  const array = create(type, content.length, lock);
  (array as Int32Array).set(content as Int32Array);
  return array;
}

function create(type: ElementType, length: number, [lock, needs]: ReturnType<typeof readLock>): PlainArray {
  const bytes = length * type.bytes;
  if (bytes > MAX_BYTES) throw new RangeError(`The shared memory has no room for an Array of ${bytes} bytes`);
  const block = createObject(ObjectKind.array, [type.number, bytes, lock], ObjectLayout.data + bytes, needs);
  return new (classFor(type, lock))(new Opened(block));
}

/** What can be copied into an Array of this type. */
function contentOf({ family, Plain }: ElementType, given: unknown): PlainArray {
  const name = 'sizeOrIterable';
  if (family === 'char' && typeof given === 'string' && LATIN1.test(given)) return Buffer.from(given, 'latin1');
  const iterable = typeof given === 'object' && given !== null && Symbol.iterator in given;
  if (!iterable) throw new TypeError(expected(name, 'a number of elements or an iterable of them', given));
  if (ArrayBuffer.isView(given) && isBig(given) === (family === 'bigint')) return given as PlainArray;
  try {
    return Plain.from(given as Iterable<unknown>);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (!(cause instanceof TypeError)) throw cause;
    throw new TypeError(`\`${name}\` cannot be the content of an Array of ${Plain.name}: ${why}`, { cause });
  }
}

const LATIN1 = /^[\0-\xff]*$/;
const isBig = (view: object): boolean => view instanceof BigInt64Array || view instanceof BigUint64Array;

function construct(typecode: unknown, sizeOrIterable: unknown, options: unknown): PlainArray {
  if (new.target === undefined) throw new TypeError('`SharedArray` is a class: call it with `new`');
  return makeArray(typecode, sizeOrIterable, options);
}

function constructRaw(typecode: unknown, sizeOrIterable: unknown, ...more: unknown[]): PlainArray {
  if (new.target === undefined) throw new TypeError('`RawArray` is a class: call it with `new`');
  if (more.length > 0) throw new TypeError(expected('options', 'absent, for a RawArray has no lock', more[0]));
  return makeArray(typecode, sizeOrIterable, { lock: false });
}

/**
 * A typed array over memory that all workers see. It can be sent to workers at any depth of an argument or a result, and
 * arrives as the same Array; so do its `subarray`s and other views of its buffer, as plain views. It lives until nobody
 * has it, or a view of it, any more.
 *
 * It *is* a typed array: an index, `length`, `for … of` and all methods work at the speed of one, and whatever takes a
 * typed array takes it. `buffer` has exactly its bytes. `slice`, `map` and `filter` give ordinary arrays. Elements convert
 * as in any typed array. `Pool.map` over it reads it in place.
 *
 * Where Node can make a `SharedArrayBuffer` over memory of others (22.23, 24.21, 26 and later), `buffer` is one: then
 * `structuredClone` and `postMessage` share it, too. On Node 20 it is an `ArrayBuffer`, which they copy; there, do not
 * `sort` a plain view of it (a `subarray`, `getObj()`) while others write to it. The Array's own `sort` is safe.
 *
 * The lock that comes with it is taken by nothing but you.
 *
 * Also exported as `Array`, Python's name: `multiprocessing.Array(typecode, size_or_initializer, *, lock=True)`.
 *
 * @param typecode - a {@link ArrayCode} such as `'d'` or `'int32'`
 * @param sizeOrIterable - how many elements, all of them zero; or what they are to be
 * @param options - `lock`: true (the default) for an RLock of its own, false for none, or a Lock or RLock
 * @throws TypeError for a bad typecode, or content of a wrong type
 * @throws RangeError for a number of elements that is negative or a fraction, or for which there is no memory
 * @example
 * const squares = new SharedArray('d', 1000);
 * await pool.starmap((squares, i) => { squares[i] = i * i; }, range(1000).map((i) => [squares, i]));
 * squares[31]; // 961
 */
export const SharedArray: Types.SharedArrayConstructor = construct as unknown as Types.SharedArrayConstructor;
export type SharedArray<
  T extends Types.ArrayCode = Types.ArrayCode,
  L extends Lock | RLock = RLock,
> = Types.SharedArray<T, L>;

/**
 * A {@link SharedArray} without a lock: `new SharedArray(typecode, sizeOrIterable, { lock: false })`.
 *
 * Python: `multiprocessing.RawArray(typecode, size_or_initializer)`.
 */
export const RawArray: Types.RawArrayConstructor = constructRaw as unknown as Types.RawArrayConstructor;
export type RawArray<T extends Types.ArrayCode = Types.ArrayCode> = Types.RawArray<T>;

const isArray = (it: unknown): it is object => typeof it === 'object' && it !== null && brand in it;
Object.defineProperties(construct, {
  name: { value: 'SharedArray' },
  [Symbol.hasInstance]: { value: isArray },
  ...statics,
});
Object.defineProperties(constructRaw, {
  name: { value: 'RawArray' },
  [Symbol.hasInstance]: { value: (it: unknown) => isArray(it) && !('getLock' in it) },
  ...statics,
});
