import { SerializationError } from '../errors.js';
import { openHandle, revive } from '../handles.js';
import { readArray, readFloat64Column, readInt32Column, readNamedArray, readShortArray } from './arrays.js';
import { BufferTable } from './buffers.js';
import type { Bytes } from './bytes.js';
import { registeredClass } from './classes.js';
import { readError } from './errors.js';
import { type Hooks, Thrown } from './hooks.js';
import { Input, malformed } from './input.js';
import { type Form, FormTable, setOwn } from './shapes.js';
import * as tags from './tags.js';
import { readBigInt64, readBigIntHex, readBoxed, readDate, readMap, readRegExp, readSet } from './values.js';

/**
 * Reads messages. Any bytes at all give a value or a SerializationError, in memory and time proportional to their number.
 * One decoder serves one thread; it keeps what it learns about the shapes of objects.
 */
export class Decoder extends Input {
  readonly hooks: Hooks;
  /** Whether something in the message is met twice. Only then objects are numbered, and made before what they hold. */
  graph = false;

  readonly #forms = new FormTable();
  #known: Form[] = [];
  #refs: unknown[] = [];
  #buffers: BufferTable | null = null;
  #busy = false;

  constructor(hooks: Hooks) {
    super();
    this.hooks = hooks;
  }

  /**
   * Reads a message of `encode`, which fills `source` from `pos` to `end` exactly. The bytes must not change meanwhile.
   * @throws SerializationError if the bytes are not such a message
   */
  decode(source: Bytes, pos: number, end: number): unknown[] {
    if (this.#busy) return new Decoder(this.hooks).decode(source, pos, end);
    return this.#read(source, pos, end, tags.MANY, readMany) as unknown[];
  }

  /** As `decode`, for a message of `encodeOne`. */
  decodeOne(source: Bytes, pos: number, end: number): unknown {
    if (this.#busy) return new Decoder(this.hooks).decodeOne(source, pos, end);
    return this.#read(source, pos, end, 0, readOne);
  }

  #read(
    source: Bytes,
    pos: number,
    end: number,
    kind: number,
    read: (input: Decoder, flags: number) => unknown,
  ): unknown {
    this.#busy = true;
    try {
      this.open(source, pos, end);
      const flags = this.byte();
      if ((flags & tags.MANY) !== kind || (flags & ~tags.ALL_FLAGS) !== 0) malformed('it is of another kind');
      this.graph = (flags & tags.HAS_REFS) !== 0;
      if ((flags & tags.HAS_BUFFERS) !== 0) this.#buffers = new BufferTable(this, pos);
      const result = read(this, flags);
      if (this.pos !== this.end) malformed('bytes are left over');
      return result;
    } catch (error) {
      throw failure(error);
    } finally {
      this.#close();
    }
  }

  #close(): void {
    if (this.#known.length > 0) this.#known = [];
    if (this.graph) this.#refs = [];
    this.#buffers = null;
    this.release();
    this.#busy = false;
  }

  /** What comes next is a root of its own. */
  forget(): void {
    if (this.graph) this.#refs = [];
  }

  /** Reads any value. */
  value(): unknown {
    const pos = this.pos;
    if (pos >= this.end) malformed('it ends too early');
    const tag = this.u8[pos];
    this.pos = pos + 1;
    if (tag < tags.SMALL_INT_END) return tag;
    if (tag < tags.SHORT_STRING_END) return this.shortLatin1(tag - tags.SHORT_STRING);
    if (tag < tags.SHORT_ARRAY_END) return readShortArray(this, tag - tags.SHORT_ARRAY);
    if (tag < tags.OBJECT_END) return this.#object(tag - tags.OBJECT);
    if (tag === tags.FLOAT64) return this.float64();
    if (tag === tags.INT32) return this.dv.getInt32(this.take(4), true);
    if (tag === tags.NEW_SHAPE) return this.#newShape();
    return readers[tag](this);
  }

  #newShape(): object {
    const form = this.#forms.read(this);
    this.#known.push(form);
    return this.#formed(form);
  }

  #object(index: number): object {
    const known = this.#known;
    if (index >= known.length) malformed('a shape is missing');
    return this.#formed(known[index]);
  }

  #formed(form: Form): object {
    if (this.graph) {
      const object = this.register({});
      form.fill(object, this);
      return object;
    }
    return form.read === null ? form.readSlowly(this) : form.read(this);
  }

  object16(): object {
    return this.#object(this.uint16());
  }

  dictionary(): object {
    const object = this.register({});
    this.pairs(object);
    return object;
  }

  /** How many, then keys and values. */
  pairs(object: object): void {
    for (let left = this.uint32(); left > 0; left--) {
      const key = this.string();
      setOwn(object, key, this.value());
    }
  }

  string(): string {
    const value = this.value();
    return typeof value === 'string' ? value : malformed('a string is missing');
  }

  /** The tag of the next value. */
  peek(): number {
    return this.pos < this.end ? this.u8[this.pos] : malformed('it ends too early');
  }

  /** Numbers an object as the writer did, when it is made. */
  register<T>(object: T): T {
    if (this.graph) this.#refs.push(object);
    return object;
  }

  /** Takes a number for an object that can only be made after what it holds. */
  hold(): number {
    return this.graph ? this.#refs.push(undefined) - 1 : 0;
  }

  fillSlot<T>(slot: number, object: T): T {
    if (this.graph) this.#refs[slot] = object;
    return object;
  }

  reference(): unknown {
    const number = this.uint32();
    return number < this.#refs.length ? this.#refs[number] : malformed('a reference leads nowhere');
  }

  buffers(): BufferTable {
    return this.#buffers ?? malformed('its table of buffers is missing');
  }
}

function readOne(input: Decoder): unknown {
  return input.value();
}

function readMany(input: Decoder, flags: number): unknown[] {
  const independent = (flags & tags.INDEPENDENT) !== 0;
  const count = input.uint32();
  // Every value takes a byte at least.
  if (count > input.end - input.pos) malformed('it ends too early');
  const values: unknown[] = new Array(count);
  // A page of items or of results; for the arguments of one call the search costs more than it saves.
  input.repetitive = independent;
  for (let i = 0; i < count; i++) {
    values[i] = input.value();
    if (independent) input.forget();
  }
  return values;
}

function readClass(input: Decoder): unknown {
  const C = registeredClass(input.string());
  const tag = input.peek();
  const own =
    (tag >= tags.SHORT_ARRAY && tag < tags.OBJECT_END) ||
    (tag >= tags.ARRAY && tag <= tags.DICTIONARY && tag !== tags.HOLES) ||
    (tag >= tags.MAP && tag <= tags.VIEW);
  if (!own) malformed('a class of something else than an object');
  const object = input.value();
  return C === undefined ? object : Object.setPrototypeOf(object, C.prototype);
}

function readFunction(input: Decoder): unknown {
  const slot = input.hold();
  const definition = input.value() as Parameters<Hooks['load']>[0];
  return input.fillSlot(slot, input.hooks.load(definition));
}

const readers: ((input: Decoder) => unknown)[] = new Array(256).fill(() => malformed('an unknown tag'));
readers[tags.UNDEFINED] = () => undefined;
readers[tags.NULL] = () => null;
readers[tags.FALSE] = () => false;
readers[tags.TRUE] = () => true;
readers[tags.BIGINT64] = readBigInt64;
readers[tags.BIGINT_HEX] = readBigIntHex;
readers[tags.LATIN1] = (input) => input.latin1(input.uint32());
readers[tags.UCS2] = (input) => input.ucs2(input.uint32());
readers[tags.SHORT_UCS2] = (input) => input.shortUcs2(input.byte());
readers[tags.ARRAY] = readArray;
readers[tags.INT32_COLUMN] = readInt32Column;
readers[tags.FLOAT64_COLUMN] = readFloat64Column;
readers[tags.NAMED_ARRAY] = readNamedArray;
readers[tags.OBJECT16] = (input) => input.object16();
readers[tags.DICTIONARY] = (input) => input.dictionary();
readers[tags.CLASS] = readClass;
readers[tags.REF] = (input) => input.reference();
readers[tags.MAP] = readMap;
readers[tags.SET] = readSet;
readers[tags.DATE] = readDate;
readers[tags.REGEXP] = readRegExp;
readers[tags.BOXED] = readBoxed;
readers[tags.BUFFER] = (input) => input.buffers().readBuffer(input);
readers[tags.VIEW] = (input) => input.buffers().readView(input);
readers[tags.ERROR] = readError;
readers[tags.FUNCTION] = readFunction;
readers[tags.ATTACHED] = (input) => input.register(input.hooks.attached(input.uint32()));
readers[tags.HANDLE] = (input) => {
  const block = input.uint32();
  return input.register(openHandle(block, input.byte()) ?? malformed('a shared object is gone'));
};
readers[tags.DESCRIBED] = (input) => {
  const slot = input.hold();
  const type = input.string();
  return input.fillSlot(slot, revive(type, input.value()) ?? malformed('an object of an unknown type'));
};
readers[tags.THROWN] = (input) => {
  const slot = input.hold();
  return input.fillSlot(slot, new Thrown(input.value()));
};

function failure(error: unknown): SerializationError {
  if (error instanceof SerializationError) return error;
  if (error instanceof RangeError && error.message === 'Maximum call stack size exceeded') {
    return new SerializationError('The message is nested too deeply');
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SerializationError(`The message cannot be read: ${message}`, { cause: error });
}
