import { type Input, malformed } from './input.js';
import type { Output } from './output.js';

/** Objects with more keys than this are written as dictionaries, and so are those with integer-like keys. */
const MAX_KEYS = 128;
const MAX_KEY_LENGTH = 1000;
/** Different keys that may follow one key; above it the objects look like dictionaries. */
const MAX_FANOUT = 128;
const MAX_NODES = 8192;

/** Objects handled key by key before a shape is compiled: compiling costs about as much as a few hundred of them. */
const COMPILE_AFTER = 32;
const MAX_COMPILED = 4096;

let compiled = 0;
let mayCompile = true;

/** Makes a function, or null where there are many already or code from strings is forbidden. */
// biome-ignore lint/complexity/noBannedTypes: the caller knows its type
function compile(...text: string[]): Function | null {
  if (!mayCompile || compiled >= MAX_COMPILED) return null;
  try {
    const made = new Function(...text);
    compiled++;
    return made;
  } catch (error) {
    // The engine was told not to compile strings (--disallow-code-generation-from-strings).
    if (!(error instanceof EvalError)) throw error;
    mayCompile = false;
    return null;
  }
}

/** What a compiled shape writes to. */
export interface ValueTarget {
  pos: number;
  readonly limit: number;
  grow(size: number): void;
  number(value: number): void;
  string(value: string): void;
  value(value: unknown): void;
}

/** What a compiled shape reads from: gives the next value. */
export interface ValueSource {
  value(): unknown;
}

/**
 * A step in the tree of key sequences: `{a, b}` and `{a, c}` share the node of `a`.
 * A node at which an object ends is that object's shape.
 */
export class Shape {
  readonly parent: Shape | null;
  readonly key: string;
  readonly depth: number;
  /** The step taken last time, looked at first. */
  lastKey: string | undefined = undefined;
  last: Shape | undefined = undefined;
  next: Map<string, Shape> | undefined = undefined;
  /** How often an object ended here, while that matters. */
  uses = 0;
  /** The message in which the shape was described last, and its number there. */
  message = 0;
  index = 0;
  keys: readonly string[] = [];
  /** The description: a hash, then the keys; compared word by word by the reader. */
  words: Int32Array = new Int32Array(0);
  /** Writes the values of an object's keys, once the shape is used often. */
  write: ((out: ValueTarget, object: object) => void) | null = null;

  constructor(parent: Shape | null, key: string) {
    this.parent = parent;
    this.key = key;
    this.depth = parent === null ? 0 : parent.depth + 1;
  }

  /** Counts an object. @returns whether the shape has a description: a key set that never comes again is not worth one */
  used(): boolean {
    const uses = ++this.uses;
    if (uses === 2) this.#describe();
    else if (uses === COMPILE_AFTER) this.#compile();
    return uses >= 2;
  }

  #describe(): void {
    const keys: string[] = [];
    for (let node: Shape = this; node.parent !== null; node = node.parent) keys.push(node.key);
    this.keys = keys.reverse();
    this.words = pack(this.keys);
  }

  /** Each place has its own tests of the type: the engine learns what is found there. */
  #compile(): void {
    const values = this.keys.map(
      (key) =>
        `if(out.pos>out.limit)out.grow(0);v=object[${JSON.stringify(key)}];` +
        "if(typeof v==='number')out.number(v);else if(typeof v==='string')out.string(v);else out.value(v);",
    );
    this.write = compile('out', 'object', `let v;${values.join('')}`) as Shape['write'];
  }
}

/** The writer's side: finds the shape of an object. Bounded: what does not fit is written as a dictionary. */
export class ShapeTree {
  root = new Shape(null, '');
  #nodes = 0;
  #refused = 0;

  /** The slow half of a step. @returns undefined if the object has to be a dictionary */
  step(node: Shape, key: string): Shape | undefined {
    let next = node.next?.get(key);
    if (next === undefined) {
      next = this.#add(node, key);
      if (next === undefined) return undefined;
    }
    node.lastKey = key;
    node.last = next;
    return next;
  }

  #add(node: Shape, key: string): Shape | undefined {
    const first = key.charCodeAt(0);
    if (first >= 48 && first <= 57) return undefined;
    if (node.depth >= MAX_KEYS || key.length > MAX_KEY_LENGTH) return undefined;
    node.next ??= new Map();
    if (this.#nodes >= MAX_NODES || node.next.size >= MAX_FANOUT) {
      this.#refused++;
      return undefined;
    }
    this.#nodes++;
    const next = new Shape(node, key);
    node.next.set(key, next);
    return next;
  }

  /** Starts anew when many objects found no room: perhaps the shapes of the past are gone. Between messages only. */
  renew(): void {
    if (this.#refused < MAX_NODES) return;
    this.root = new Shape(null, '');
    this.#nodes = 0;
    this.#refused = 0;
  }
}

/** The words of a description: hash, number of keys, then each key as length and units, padded to whole words. */
function pack(keys: readonly string[]): Int32Array {
  let size = 8;
  const wide = keys.map((key) => /[\u0100-\uffff]/.test(key));
  keys.forEach((key, i) => {
    size += 2 + (wide[i] ? key.length * 2 : key.length);
  });
  const words = new Int32Array((size + 3) >> 2);
  const view = new DataView(words.buffer);
  view.setUint32(4, keys.length, true);
  let pos = 8;
  keys.forEach((key, i) => {
    view.setUint16(pos, (key.length << 1) | (wide[i] ? 1 : 0), true);
    pos += 2;
    for (let j = 0; j < key.length; j++) {
      if (wide[i]) view.setUint16(pos, key.charCodeAt(j), true);
      else view.setUint8(pos, key.charCodeAt(j));
      pos += wide[i] ? 2 : 1;
    }
  });
  let hash = keys.length;
  for (let i = 1; i < words.length; i++)
    hash = Math.imul(hash ^ view.getInt32(i * 4, true), 0x9e3779b1) + (hash >>> 15);
  view.setInt32(0, hash ^ (hash >>> 13), true);
  // From here on the words are numbers; a DataView made them, so that they mean the same on every machine.
  for (let i = 0; i < words.length; i++) words[i] = view.getInt32(i * 4, true);
  return words;
}

/** Writes a shape's description. */
export function writeShape(out: Output, shape: Shape): void {
  const words = shape.words;
  const count = words.length;
  out.reserve(2 + count * 4);
  const dv = out.dv;
  let pos = out.pos;
  dv.setUint16(pos, count, true);
  pos += 2;
  for (let i = 0; i < count; i++, pos += 4) dv.setInt32(pos, words[i], true);
  out.pos = pos;
}

/** Shapes known to a reader; a hash picks one slot, so that their number is bounded. */
const SLOTS = 1024;
/** A shape as the reader knows it. */
export class Form {
  readonly keys: readonly string[];
  readonly words: Int32Array;
  #uses = 0;
  /** Makes an object from the next values, once the shape is used often. */
  read: ((input: ValueSource) => object) | null = null;

  constructor(keys: readonly string[], words: Int32Array) {
    this.keys = keys;
    this.words = words;
  }

  /** Makes an object from the next values, key by key. */
  readSlowly(input: ValueSource): object {
    if (++this.#uses === COMPILE_AFTER) this.#compile();
    const object = {};
    this.fill(object, input);
    return object;
  }

  fill(object: object, input: ValueSource): void {
    for (const key of this.keys) setOwn(object, key, input.value());
  }

  /**
   * An object literal makes the object in one step. The keys are the sender's: as JSON strings they cannot leave their
   * quotes, and in brackets `__proto__` is a key like any other.
   */
  #compile(): void {
    if (this.keys.length > MAX_KEYS) return;
    const properties = this.keys.map((key) => {
      const text = JSON.stringify(key);
      return `${key === '__proto__' ? `[${text}]` : text}:input.value()`;
    });
    this.read = compile('input', `return {${properties.join()}}`) as Form['read'];
  }
}

/** Defines an own property; assigning would change the prototype for one key. */
export function setOwn(object: object, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    (object as Record<string, unknown>)[key] = value;
  }
}

/** The reader's side: knows the shapes it has met, so that a description is compared and not parsed again. */
export class FormTable {
  readonly #slots: (Form | undefined)[] = new Array(SLOTS).fill(undefined);

  read(input: Input): Form {
    const count = input.uint16();
    const pos = input.take(count * 4);
    const dv = input.dv;
    if (count < 2) malformed('a shape is empty');
    const slot = dv.getInt32(pos, true) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && matches(known.words, dv, pos, count)) return known;
    const form = parse(dv, pos, count);
    this.#slots[slot] = form;
    return form;
  }
}

function matches(words: Int32Array, dv: DataView, pos: number, count: number): boolean {
  if (words.length !== count) return false;
  for (let i = 0; i < count; i++, pos += 4) if (words[i] !== dv.getInt32(pos, true)) return false;
  return true;
}

function parse(dv: DataView, pos: number, count: number): Form {
  const words = new Int32Array(count);
  for (let i = 0; i < count; i++) words[i] = dv.getInt32(pos + i * 4, true);
  const end = pos + count * 4;
  const keyCount = dv.getUint32(pos + 4, true);
  const keys: string[] = [];
  let at = pos + 8;
  for (let n = 0; n < keyCount; n++) {
    if (at + 2 > end) malformed('a shape ends too early');
    const head = dv.getUint16(at, true);
    const unit = head & 1 ? 2 : 1;
    const length = head >> 1;
    at += 2;
    if (at + length * unit > end) malformed('a shape ends too early');
    let key = '';
    for (let i = 0; i < length; i++, at += unit)
      key += String.fromCharCode(unit === 2 ? dv.getUint16(at, true) : dv.getUint8(at));
    keys.push(key);
  }
  return new Form(keys, words);
}
