import type { AnyFunction } from '../functions/definition.js';
import { blockOf } from '../handles.js';
import { writeArray } from './arrays.js';
import { BufferList } from './buffers.js';
import type { Bytes } from './bytes.js';
import { registeredName } from './classes.js';
import { failureOf } from './failure.js';
import type { Hooks } from './hooks.js';
import { kindOf } from './kinds.js';
import { Met } from './met.js';
import { Output } from './output.js';
import { Unsendable } from './path.js';
import { type Shape, ShapeTree, writeShape } from './shapes.js';
import { writeClassName, writeFunction, writeSpecial } from './special.js';
import * as tags from './tags.js';
import { writeBigInt } from './values.js';

/** Flags, a tag, and a double. */
const NUMBER_BYTES = 10;
const EMPTY = {};
const NO_HANDLES: readonly object[] = [];

/** A point of a message to which the encoder can go back, as if what followed had not been written. */
export interface Mark {
  readonly used: number;
  readonly objects: number;
  readonly shapes: number;
  readonly buffers: number;
}

/**
 * Writes messages in one pass. One encoder serves one thread; it keeps what it learns about the shapes of objects.
 * The format is in `docs/codec.md`.
 */
export class Encoder extends Output {
  /** Names the values in the `path` of an error: `label[2].db`, or with `encodeOne`, `label.db`. */
  label = 'value';
  /** How many errors what is written now lies in. */
  errors = 0;
  readonly hooks: Hooks;
  readonly buffers = new BufferList();

  readonly #tree = new ShapeTree();
  #busy = false;
  #handles: readonly object[] = NO_HANDLES;
  #index = 0;
  /** The number of this message; a shape that carries it is described already. */
  #message = 0;
  #shapes: Shape[] = [];
  #shapeCount = 0;
  #flags = 0;
  /** Inherited enumerable properties exist everywhere: somebody extended Object.prototype. */
  #polluted = false;
  readonly #objects = new Met();
  #attachments: Map<object, number> | null = null;

  constructor(hooks: Hooks) {
    super();
    this.hooks = hooks;
  }

  /**
   * Writes one message with `values[lo..hi)` into `target` at `[pos, end)`.
   * @param independent every value is a root of its own for identity and cycles, as the items of a map are;
   * otherwise identity is kept across all of them, as for the arguments of one call
   * @param moved buffers that travel as attachments instead of being copied: buffer → attachment id
   * @returns the end position, or -1 if the message does not fit: then it is in `scratch.u8` at `[0, length)`, until the
   * next message
   * @throws SerializationError with the `path` of what cannot be sent
   */
  encode(
    target: Bytes,
    pos: number,
    end: number,
    values: readonly unknown[],
    lo: number,
    hi: number,
    independent: boolean,
    moved?: Map<ArrayBuffer, number>,
  ): number {
    if (this.#busy) return this.#nested((inner) => inner.encode(target, pos, end, values, lo, hi, independent, moved));
    this.#begin(target, pos, end, moved);
    try {
      if (this.pos > this.limit) this.grow(0);
      this.pos++;
      this.uint32(hi - lo);
      for (let i = lo; i < hi; i++) {
        this.#index = i;
        this.value(values[i]);
        if (independent) this.#forget();
      }
      return this.#end(independent ? tags.MANY | tags.INDEPENDENT : tags.MANY);
    } catch (error) {
      this.#handles = NO_HANDLES;
      const root = `${this.label}[${this.#index}]`;
      throw failureOf(error, independent ? [values[this.#index]] : values.slice(lo, this.#index + 1), (i) =>
        independent ? root : `${this.label}[${lo + i}]`,
      );
    } finally {
      this.#close();
    }
  }

  /** As `encode`, for a message that is one value. */
  encodeOne(target: Bytes, pos: number, end: number, value: unknown, moved?: Map<ArrayBuffer, number>): number {
    if (this.#busy) return this.#nested((inner) => inner.encodeOne(target, pos, end, value, moved));
    if (typeof value === 'number' && end - pos >= NUMBER_BYTES) return this.#oneNumber(target, pos, end, value);
    this.#begin(target, pos, end, moved);
    try {
      if (this.pos > this.limit) this.grow(0);
      this.pos++;
      this.value(value);
      return this.#end(0);
    } catch (error) {
      this.#handles = NO_HANDLES;
      throw failureOf(error, [value], () => this.label);
    } finally {
      this.#close();
    }
  }

  /** A number needs nothing of what there is to set up and to clear away for other values. */
  #oneNumber(target: Bytes, pos: number, end: number, value: number): number {
    this.open(target, pos, end);
    this.byte(0);
    this.number(value);
    const { pos: behind } = this;
    this.release();
    return behind;
  }

  /**
   * Handles of shared objects, and buffers over their bytes, that the last message names. Given once: an encoder that is
   * idle keeps nothing alive.
   */
  takeHandles(): readonly object[] {
    const handles = this.#handles;
    this.#handles = NO_HANDLES;
    return handles;
  }

  /** A getter of the user's encodes something while we encode: it gets an encoder of its own, and we leave the target. */
  #nested(run: (inner: Encoder) => number): number {
    this.leaveTarget();
    const inner = new Encoder(this.hooks);
    inner.label = this.label;
    const result = run(inner);
    this.scratch = inner.scratch;
    this.length = inner.length;
    this.#handles = inner.takeHandles();
    return result;
  }

  #begin(target: Bytes, pos: number, end: number, moved: Map<ArrayBuffer, number> | undefined): void {
    this.#busy = true;
    this.#message++;
    this.#flags = 0;
    this.#handles = NO_HANDLES;
    this.#polluted = false;
    for (const _ in EMPTY) this.#polluted = true;
    if (moved !== undefined) this.buffers.moved = moved;
    this.open(target, pos, end);
  }

  #end(flags: number): number {
    if (this.buffers.count > 0) {
      flags |= tags.HAS_BUFFERS;
      this.buffers.write(this);
    }
    this.u8[this.start] = flags | this.#flags;
    return this.finish();
  }

  #close(): void {
    this.#objects.clear();
    this.#shapeCount = 0;
    this.#attachments = null;
    if (this.#shapes.length > 64) this.#shapes = [];
    if (this.buffers.used) this.buffers.clear();
    this.#tree.renew();
    this.release();
    this.#busy = false;
  }

  /** What comes next is a root of its own. */
  #forget(): void {
    this.#objects.forget();
    if (this.buffers.used) this.buffers.forget();
  }

  /** Writes any value. */
  value(value: unknown): void {
    if (this.pos > this.limit) this.grow(0);
    switch (typeof value) {
      case 'string':
        this.string(value);
        return;
      case 'number':
        this.number(value);
        return;
      case 'object':
        if (value === null) this.byte(tags.NULL);
        else this.#object(value);
        return;
      case 'boolean':
        this.byte(value ? tags.TRUE : tags.FALSE);
        return;
      case 'undefined':
        this.byte(tags.UNDEFINED);
        return;
      case 'bigint':
        writeBigInt(this, value);
        return;
      case 'function':
        this.#function(value as AnyFunction);
        return;
      default:
        throw new Unsendable(value);
    }
  }

  #object(object: object): void {
    if (this.#met(object)) return;
    if (Array.isArray(object)) {
      const name = this.#registered(object);
      if (name !== undefined) writeClassName(this, name);
      writeArray(this, object);
      return;
    }
    const prototype = Object.getPrototypeOf(object);
    if (prototype === Object.prototype || prototype === null) this.#properties(object);
    else writeSpecial(this, object, kindOf(object, prototype), prototype);
  }

  #registered(object: object): string | undefined {
    const prototype = Object.getPrototypeOf(object);
    return prototype === Array.prototype || prototype === null ? undefined : registeredName(prototype);
  }

  /**
   * The number of the shared object that a handle names or a buffer shows. Its message goes to the scratch: it must
   * travel in a block of its own, which keeps the object alive.
   */
  named(object: object): number {
    let block: number;
    try {
      block = blockOf(object);
    } catch (error) {
      throw new Unsendable(object, error);
    }
    this.stayApart();
    this.#handles = [...this.#handles, object];
    return block;
  }

  /** @returns true if the object was met before in this root: then a reference to it is written */
  #met(object: object): boolean {
    const number = this.#objects.number(object);
    return number >= 0 && this.#reference(number);
  }

  #reference(number: number): true {
    this.#flags |= tags.HAS_REFS;
    this.byte(tags.REF);
    this.uint32(number);
    return true;
  }

  /** A plain object. Its properties are walked with for-in, for which the engine has their places at hand. */
  #properties(object: object): void {
    if (this.#polluted) {
      this.ownProperties(object);
      return;
    }
    let shape: Shape | undefined = this.#tree.root;
    for (const key in object) {
      shape = shape.lastKey === key ? (shape.last as Shape) : this.#tree.step(shape, key);
      if (shape === undefined) break;
    }
    if (shape?.used()) this.#shaped(shape, object);
    else this.#dictionary(object, Object.keys(object));
  }

  /** The same for objects that inherit more than plain objects do. */
  ownProperties(object: object): void {
    const keys = Object.keys(object);
    let shape: Shape | undefined = this.#tree.root;
    for (let i = 0; i < keys.length && shape !== undefined; i++) {
      shape = shape.lastKey === keys[i] ? shape.last : this.#tree.step(shape, keys[i]);
    }
    if (shape?.used()) this.#shaped(shape, object);
    else this.#dictionary(object, keys);
  }

  #shaped(shape: Shape, object: object): void {
    this.#shape(shape);
    if (shape.write !== null) {
      shape.write(this, object);
      return;
    }
    for (const key of shape.keys) this.value((object as Record<string, unknown>)[key]);
  }

  /** Names the shape of the object that follows: by its number in this message, or at first by its keys. */
  #shape(shape: Shape): void {
    if (shape.message === this.#message) {
      const index = shape.index;
      if (index < tags.OBJECT_END - tags.OBJECT) {
        this.byte(tags.OBJECT + index);
        return;
      }
      this.byte(tags.OBJECT16);
      this.dv.setUint16(this.pos, index, true);
      this.pos += 2;
      return;
    }
    const index = this.#shapeCount++;
    shape.message = this.#message;
    shape.index = index;
    this.#shapes[index] = shape;
    this.byte(tags.NEW_SHAPE);
    writeShape(this, shape);
  }

  #dictionary(object: object, keys: readonly string[]): void {
    this.byte(tags.DICTIONARY);
    this.pairs(object, keys);
  }

  /** How many, then keys and values. */
  pairs(object: object, keys: readonly string[]): void {
    this.uint32(keys.length);
    for (let i = 0; i < keys.length; i++) {
      if (this.pos > this.limit) this.grow(0);
      this.string(keys[i]);
      this.value((object as Record<string, unknown>)[keys[i]]);
    }
    if (this.pos > this.limit) this.grow(0);
  }

  #function(fn: AnyFunction): void {
    if (!this.#met(fn)) writeFunction(this, fn);
  }

  /** The id of something that travels beside the bytes. */
  attach(object: object): number {
    this.#attachments ??= new Map();
    let id = this.#attachments.get(object);
    if (id === undefined) {
      try {
        id = this.hooks.attach(object);
      } catch (error) {
        throw new Unsendable(object, error);
      }
      this.#attachments.set(object, id);
    }
    return id;
  }

  mark(): Mark {
    return {
      used: this.pos - this.start,
      objects: this.#objects.count,
      shapes: this.#shapeCount,
      buffers: this.buffers.count,
    };
  }

  rollBack(mark: Mark): void {
    this.pos = this.start + mark.used;
    this.#objects.rollBack(mark.objects);
    while (this.#shapeCount > mark.shapes) this.#shapes[--this.#shapeCount].message = 0;
    this.buffers.rollBack(mark.buffers);
  }
}
