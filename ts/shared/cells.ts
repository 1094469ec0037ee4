import { expected } from '../internal/describe.js';
import { type ElementType, type PlainArray, windowOf } from './types.js';

/**
 * One value in the region, of a type that it knows. Each operation is atomic and answers the old value; one that makes
 * no sense for the type throws.
 */
export abstract class Cell {
  /** What it holds, for messages. */
  abstract readonly typeName: string;

  abstract get(): unknown;
  /** @throws TypeError for a value of another type; `name` is what it is called */
  abstract set(value: unknown, name: string): void;

  load(): unknown {
    return this.refuse('load');
  }
  store(_value: unknown): unknown {
    return this.refuse('store');
  }
  exchange(_value: unknown): unknown {
    return this.refuse('exchange');
  }
  compareExchange(_expected: unknown, _replacement: unknown): unknown {
    return this.refuse('compareExchange');
  }
  add(_value: unknown): unknown {
    return this.refuse('add');
  }
  sub(_value: unknown): unknown {
    return this.refuse('sub');
  }
  and(_value: unknown): unknown {
    return this.refuse('and');
  }
  or(_value: unknown): unknown {
    return this.refuse('or');
  }
  xor(_value: unknown): unknown {
    return this.refuse('xor');
  }
  min(_value: unknown): unknown {
    return this.refuse('min');
  }
  max(_value: unknown): unknown {
    return this.refuse('max');
  }

  protected refuse(operation: string): never {
    throw new TypeError(`\`${operation}\` makes no sense for a Value of type ${this.typeName}`);
  }
}

/** One element. */
abstract class ScalarCell extends Cell {
  readonly typeName: string;
  /** Of any class of integers: `Atomics` takes all of them, but for TypeScript they are too different. */
  protected readonly view: Int32Array;
  protected readonly at: number;

  constructor(type: ElementType, View: new (buffer: ArrayBufferLike) => PlainArray, offset: number) {
    super();
    this.typeName = `'${type.name}'`;
    this.view = windowOf(View) as Int32Array;
    this.at = offset / type.bytes;
  }

  override load(): unknown {
    return this.get();
  }
  override store(value: unknown): unknown {
    return this.exchange(value);
  }
}

/** The cell of a type at a byte offset of the region, which the views must reach. */
export function cellAt(type: ElementType, offset: number): Cell {
  return new cellClasses[type.family](type, offset);
}

/** Integers, which wrap as in C; BigInts, too: TypeScript takes them for numbers here. */
class IntegerCell extends ScalarCell {
  readonly #check: (value: unknown, name: string) => number;
  /** Makes values what they become in this cell. */
  readonly #wrap: Int32Array;

  constructor(type: ElementType, offset: number) {
    super(type, type.Plain, offset);
    this.#check = type.family === 'bigint' ? bigint : integer;
    this.#wrap = wraps[type.number] ??= new type.Plain(1) as Int32Array;
  }

  get(): number {
    return Atomics.load(this.view, this.at);
  }
  set(value: unknown, name: string): void {
    Atomics.store(this.view, this.at, this.#check(value, name));
  }
  override exchange(value: unknown): number {
    return Atomics.exchange(this.view, this.at, this.#check(value, 'value'));
  }
  override compareExchange(expected: unknown, replacement: unknown): number {
    const old = this.#check(expected, 'expected');
    return Atomics.compareExchange(this.view, this.at, old, this.#check(replacement, 'replacement'));
  }
  override add(value: unknown): number {
    return Atomics.add(this.view, this.at, this.#check(value, 'value'));
  }
  override sub(value: unknown): number {
    return Atomics.sub(this.view, this.at, this.#check(value, 'value'));
  }
  override and(value: unknown): number {
    return Atomics.and(this.view, this.at, this.#check(value, 'value'));
  }
  override or(value: unknown): number {
    return Atomics.or(this.view, this.at, this.#check(value, 'value'));
  }
  override xor(value: unknown): number {
    return Atomics.xor(this.view, this.at, this.#check(value, 'value'));
  }
  override min(value: unknown): number {
    const other = this.#wrapped(value);
    return this.#replaceIf((old) => other < old, other);
  }
  override max(value: unknown): number {
    const other = this.#wrapped(value);
    return this.#replaceIf((old) => other > old, other);
  }

  #replaceIf(applies: (old: number) => boolean, replacement: number): number {
    for (let old = this.get(); ; ) {
      if (!applies(old)) return old;
      const found = Atomics.compareExchange(this.view, this.at, old, replacement);
      if (found === old) return old;
      old = found;
    }
  }

  #wrapped(value: unknown): number {
    this.#wrap[0] = this.#check(value, 'value');
    return this.#wrap[0];
  }
}

const wraps: Int32Array[] = [];

/** How a floating-point number is changed. */
const Change = { sum: 0, smaller: 1, larger: 2, compared: 3 } as const;
type Change = (typeof Change)[keyof typeof Change];

/** Floating-point numbers. `Atomics` knows integers only, so it is their bits that are exchanged. */
class FloatCell extends ScalarCell {
  readonly #number: Float64Array;
  readonly #bits: Int32Array;

  constructor(type: ElementType, offset: number) {
    super(type, type.bytes === 4 ? Int32Array : BigInt64Array, offset);
    [this.#number, this.#bits] = type.bytes === 4 ? single : double;
  }

  get(): number {
    return this.#numberOf(Atomics.load(this.view, this.at));
  }
  set(value: unknown, name: string): void {
    Atomics.store(this.view, this.at, this.#bitsOf(float(value, name)));
  }
  override exchange(value: unknown): number {
    return this.#numberOf(Atomics.exchange(this.view, this.at, this.#bitsOf(float(value, 'value'))));
  }
  /** Compares as `Object.is` does: NaN equals NaN, and -0 does not equal 0. */
  override compareExchange(expected: unknown, replacement: unknown): number {
    const wanted = this.#numberOf(this.#bitsOf(float(expected, 'expected')));
    return this.#update(Change.compared, float(replacement, 'replacement'), wanted);
  }
  override add(value: unknown): number {
    return this.#update(Change.sum, float(value, 'value'), 0);
  }
  override sub(value: unknown): number {
    return this.#update(Change.sum, -float(value, 'value'), 0);
  }
  override min(value: unknown): number {
    return this.#update(Change.smaller, float(value, 'value'), 0);
  }
  override max(value: unknown): number {
    return this.#update(Change.larger, float(value, 'value'), 0);
  }

  /** One loop for all changes, without functions to call: half of the time would be theirs. */
  #update(change: Change, other: number, wanted: number): number {
    for (let bits = Atomics.load(this.view, this.at); ; ) {
      const old = this.#numberOf(bits);
      let changed = other;
      if (change === Change.sum) changed = old + other;
      else if (change === Change.smaller) changed = Math.min(old, other);
      else if (change === Change.larger) changed = Math.max(old, other);
      else if (!Object.is(old, wanted)) return old;
      const found = Atomics.compareExchange(this.view, this.at, bits, this.#bitsOf(changed));
      if (found === bits) return old;
      bits = found;
    }
  }

  #bitsOf(number: number): number {
    this.#number[0] = number;
    return this.#bits[0];
  }

  #numberOf(bits: number): number {
    this.#bits[0] = bits;
    return this.#number[0];
  }
}

/** One number and its bits, in the same bytes. */
const single = pun(new Float32Array(1), Int32Array);
const double = pun(new Float64Array(1), BigInt64Array);

function pun(
  number: Float32Array | Float64Array,
  Bits: new (buffer: ArrayBufferLike) => Int32Array | BigInt64Array,
): readonly [Float64Array, Int32Array] {
  return [number as Float64Array, new Bits(number.buffer) as Int32Array];
}

/** One byte, as a string of one character. */
class CharCell extends ScalarCell {
  constructor(type: ElementType, offset: number) {
    super(type, Uint8Array, offset);
  }

  get(): string {
    return String.fromCharCode(Atomics.load(this.view, this.at));
  }
  set(value: unknown, name: string): void {
    Atomics.store(this.view, this.at, char(value, name));
  }
  override exchange(value: unknown): string {
    return String.fromCharCode(Atomics.exchange(this.view, this.at, char(value, 'value')));
  }
  override compareExchange(expected: unknown, replacement: unknown): string {
    const old = char(expected, 'expected');
    return String.fromCharCode(Atomics.compareExchange(this.view, this.at, old, char(replacement, 'replacement')));
  }
}

/** True or false. */
class BoolCell extends ScalarCell {
  constructor(type: ElementType, offset: number) {
    super(type, Uint8Array, offset);
  }

  get(): boolean {
    return Atomics.load(this.view, this.at) !== 0;
  }
  set(value: unknown, name: string): void {
    Atomics.store(this.view, this.at, bool(value, name));
  }
  override exchange(value: unknown): boolean {
    return Atomics.exchange(this.view, this.at, bool(value, 'value')) !== 0;
  }
  override compareExchange(expected: unknown, replacement: unknown): boolean {
    const old = bool(expected, 'expected');
    return Atomics.compareExchange(this.view, this.at, old, bool(replacement, 'replacement')) !== 0;
  }
  override and(value: unknown): boolean {
    return Atomics.and(this.view, this.at, bool(value, 'value')) !== 0;
  }
  override or(value: unknown): boolean {
    return Atomics.or(this.view, this.at, bool(value, 'value')) !== 0;
  }
  override xor(value: unknown): boolean {
    return Atomics.xor(this.view, this.at, bool(value, 'value')) !== 0;
  }
}

const cellClasses = {
  integer: IntegerCell,
  bigint: IntegerCell,
  float: FloatCell,
  char: CharCell,
  bool: BoolCell,
} as const;

function integer(value: unknown, name: string): number {
  if (!Number.isInteger(value)) throw new TypeError(expected(name, 'an integer', value));
  return value as number;
}

function bigint(value: unknown, name: string): number {
  if (typeof value !== 'bigint') throw new TypeError(expected(name, 'a bigint', value));
  return value as unknown as number;
}

function float(value: unknown, name: string): number {
  if (typeof value !== 'number') throw new TypeError(expected(name, 'a number', value));
  return value;
}

function bool(value: unknown, name: string): number {
  if (typeof value !== 'boolean') throw new TypeError(expected(name, 'a boolean', value));
  return value ? 1 : 0;
}

/** One byte, as Python takes it for a `c_char`: a character, bytes of length 1, or the number itself. */
function char(value: unknown, name: string): number {
  const byte = value instanceof Uint8Array && value.length === 1 ? value[0] : value;
  const code = typeof byte === 'string' && byte.length === 1 ? byte.charCodeAt(0) : byte;
  if (Number.isInteger(code) && (code as number) >= 0 && (code as number) < 256) return code as number;
  throw new TypeError(expected(name, 'one Latin-1 character or byte', value));
}
