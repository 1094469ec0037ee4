import { inspect } from 'node:util';
import { expected } from '../internal/describe.js';
import { Facet, handleKey, type SharedHandle } from '../internal/handles.js';
import { memory } from '../internal/memory.js';
import { nativePath } from '../internal/native.js';
import { isObject } from '../internal/options/checks.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { type Cell, cellAt } from './cells.js';
import { lockable, RAW, readLock } from './lockable.js';
import {
  adopt,
  constantOf,
  createObject,
  fieldOf,
  ObjectKind,
  ObjectLayout,
  Opened,
  onOpen,
  refuseClones,
} from './objects.js';
import { bytesWithText, readText, type Struct, StructCell, structOf, writeText } from './structs.js';
import { type ElementType, typeNumbered, typeOf } from './types.js';
import type * as Types from './value-types.js';

/** The number of the type of structs; those of elements are in `types`. */
const STRUCT = 0xff;

let cellOf: (value: SharedValue) => Cell;

/** A Value without a lock. */
class SharedValue implements SharedHandle {
  readonly #block: number;
  readonly #cell: Cell;
  /** The Value with a lock that this is `getObj()` of, which it keeps alive. */
  readonly #within: object | undefined;

  constructor({ block, within }: Opened, cell: Cell) {
    this.#block = block;
    this.#cell = cell;
    this.#within = within;
    if (within === undefined) adopt(this, block);
    refuseClones(this);
  }

  get [handleKey](): SharedHandle[typeof handleKey] {
    return { addon: nativePath, block: this.#block, facet: this.#within === undefined ? Facet.object : Facet.raw };
  }

  get value(): unknown {
    return this.#cell.get();
  }
  set value(value: unknown) {
    this.#cell.set(value, 'value');
  }
  load(): unknown {
    return this.#cell.load();
  }
  store(value: unknown): unknown {
    return this.#cell.store(value);
  }
  exchange(value: unknown): unknown {
    return this.#cell.exchange(value);
  }
  compareExchange(expected: unknown, replacement: unknown): unknown {
    return this.#cell.compareExchange(expected, replacement);
  }
  add(value: unknown): unknown {
    return this.#cell.add(value);
  }
  sub(value: unknown): unknown {
    return this.#cell.sub(value);
  }
  and(value: unknown): unknown {
    return this.#cell.and(value);
  }
  or(value: unknown): unknown {
    return this.#cell.or(value);
  }
  xor(value: unknown): unknown {
    return this.#cell.xor(value);
  }
  min(value: unknown): unknown {
    return this.#cell.min(value);
  }
  max(value: unknown): unknown {
    return this.#cell.max(value);
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Value(${this.#cell.typeName}, ${inspect(this.#cell.get(), options)})`;
  }

  static {
    cellOf = (value) => value.#cell;
  }
}

type ValueClass = new (from: Opened, cell: Cell) => SharedValue;

/** The classes of Values without and with a lock: one pair for elements, and one for each struct. */
interface Classes {
  readonly Raw: ValueClass;
  readonly Locked: ValueClass;
}

function classes(Raw: ValueClass): Classes {
  class Locked extends lockable(Raw) {
    #obj: SharedValue | undefined;

    getObj(): SharedValue {
      this.#obj ??= new Raw(new Opened(this[handleKey].block, this), cellOf(this));
      return this.#obj;
    }
  }
  // What can be called is the public class, which checks what it is given.
  Raw.prototype.constructor = constructRaw;
  Locked.prototype.constructor = construct;
  return { Raw, Locked };
}

const scalar = classes(class extends SharedValue {});
const ofStructs = new Map<Struct, Classes>();

function classesOf(struct: Struct): Classes {
  let found = ofStructs.get(struct);
  if (found === undefined) {
    class StructValue extends SharedValue {}
    for (const [i, { name }] of struct.fields.entries()) {
      Object.defineProperty(StructValue.prototype, name, {
        get(this: SharedValue) {
          return (cellOf(this) as StructCell).cells[i].get();
        },
        set(this: SharedValue, value: unknown) {
          (cellOf(this) as StructCell).cells[i].set(value, name);
        },
        enumerable: true,
        configurable: true,
      });
    }
    found = classes(StructValue);
    ofStructs.set(struct, found);
  }
  return found;
}

/** Makes a Value of elements of this type. */
function makeScalar(type: ElementType, [lock, needs]: ReturnType<typeof readLock>): SharedValue {
  const block = createObject(ObjectKind.value, [type.number, type.bytes, lock], ObjectLayout.data + type.bytes, needs);
  return handleOf(block, lock, scalar, cellAt(type, fieldOf(block, ObjectLayout.data)));
}

function makeStruct(struct: Struct, [lock, needs]: ReturnType<typeof readLock>): SharedValue {
  const bytes = ObjectLayout.data + bytesWithText(struct);
  const block = createObject(ObjectKind.value, [STRUCT, struct.bytes, lock], bytes, needs);
  const at = fieldOf(block, ObjectLayout.data);
  writeText(struct, at);
  return handleOf(block, lock, classesOf(struct), new StructCell(struct, at));
}

function handleOf(block: number, lock: number, { Raw, Locked }: Classes, cell: Cell): SharedValue {
  const C = lock === RAW ? Raw : Locked;
  return new C(new Opened(block), cell);
}

onOpen(ObjectKind.value, (block) => {
  const number = constantOf(block, ObjectLayout.a);
  const bytes = constantOf(block, ObjectLayout.b);
  const lock = constantOf(block, ObjectLayout.c);
  const at = fieldOf(block, ObjectLayout.data);
  memory.ensure(at + bytes);
  if (number !== STRUCT) return handleOf(block, lock, scalar, cellAt(typeNumbered(number), at));
  const struct = readText(at, bytes);
  return handleOf(block, lock, classesOf(struct), new StructCell(struct, at));
});

/** Fields cannot have the names of what every Value has. */
const isTaken = (name: string): boolean => name in scalar.Locked.prototype;

function makeValue(typecode: unknown, init: unknown, options: unknown): SharedValue {
  const lock = readLock(options);
  const value = isObject(typecode)
    ? makeStruct(structOf(typecode, isTaken), lock)
    : makeScalar(typeOf(typecode, 'typecode'), lock);
  if (init !== undefined) cellOf(value).set(init, 'init');
  return value;
}

function checkNew(target: unknown, name: string): void {
  if (target === undefined) throw new TypeError(`\`${name}\` is a class: call it with \`new\``);
}

function construct(typecode: unknown, init: unknown, options: unknown): SharedValue {
  checkNew(new.target, 'Value');
  return makeValue(typecode, init, options);
}

function constructRaw(typecode: unknown, init: unknown, ...more: unknown[]): SharedValue {
  checkNew(new.target, 'RawValue');
  if (more.length > 0) throw new TypeError(expected('options', 'absent, for a RawValue has no lock', more[0]));
  return makeValue(typecode, init, { lock: false });
}

/**
 * One typed value, or a struct of some, in memory that all workers see. It can be sent to workers at any depth of an
 * argument or a result, and arrives as the same value. It lives until nobody has it any more.
 *
 * `value` reads and writes it. `add sub and or xor min max exchange compareExchange store load` are atomic without any
 * lock, and answer the old value. For longer steps there is the lock that comes with it, which nothing takes by itself.
 *
 * Integers wrap as in C. What is of a wrong type is a TypeError: a string, a fraction for an integer, a number for a 64-bit
 * integer (`q`, `Q`), which is a bigint here. A `c` is one byte and reads as a string of one Latin-1 character.
 *
 * Python: `multiprocessing.Value(typecode, *args, lock=True)`. A struct takes the place of a `ctypes.Structure`; its fields
 * lie as a C compiler lays them out.
 *
 * @param typecode - a {@link TypeCode} such as `'i'` or `'float64'`, or a struct such as `{ x: 'd', y: 'i' }`
 * @param init - what it begins with; absent: zero, in all bytes
 * @param options - `lock`: true (the default) for an RLock of its own, false for none, or a Lock or RLock
 * @throws TypeError for a bad typecode or a value of a wrong type
 * @throws RangeError if there is no memory for it
 * @example
 * const hits = new Value('i');
 * await pool.map((hits, word) => { if (word === 'many') hits.add(1); }, …);
 * hits.value; // how many
 * @example
 * const point = new Value({ x: 'd', y: 'i' }, { x: 1.5 });
 * point.withLockSync(() => {
 *   point.x *= 2;
 *   point.y += 1;
 * });
 */
export const Value: Types.ValueConstructor = construct as unknown as Types.ValueConstructor;
export type Value<
  T extends Types.TypeCode | Types.StructCode = Types.TypeCode,
  L extends Lock | RLock = RLock,
> = Types.Value<T, L>;

/**
 * A {@link Value} without a lock: `new Value(typecode, init, { lock: false })`.
 *
 * Python: `multiprocessing.RawValue(typecode, *args)`. What is atomic there is atomic here.
 */
export const RawValue: Types.RawValueConstructor = constructRaw as unknown as Types.RawValueConstructor;
export type RawValue<T extends Types.TypeCode | Types.StructCode = Types.TypeCode> = Types.RawValue<T>;

Object.defineProperties(construct, { name: { value: 'Value' }, prototype: { value: SharedValue.prototype } });
Object.defineProperties(constructRaw, {
  name: { value: 'RawValue' },
  prototype: { value: SharedValue.prototype },
  [Symbol.hasInstance]: { value: (it: unknown) => it instanceof construct && !('getLock' in it) },
});
