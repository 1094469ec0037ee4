import { SerializationError } from './errors.js';
import { requireBundle } from './here.js';
import { native, nativePath } from './native.js';

/**
 * What a handle of a shared object says of itself: the addon that it belongs to, and the object's block. The same symbol
 * in every copy of the package, so that a handle of another copy is known for what it is.
 */
export const handleKey: unique symbol = Symbol.for('manycore.handle') as never;

/** A `Value`, a `Lock`, a `Queue` … in this isolate. */
export interface SharedHandle {
  readonly [handleKey]: { readonly addon: string; readonly block: number; readonly facet: Facet };
}

/** What of an object a handle is: the object itself, the lock that a Value or an Array contains, a Value without its lock. */
export const Facet = { object: 0, lock: 1, raw: 2 } as const;
export type Facet = (typeof Facet)[keyof typeof Facet];

/** What is sent as its class and plain data that describe it, such as a `SharedMemory` by its name. */
export const describeKey: unique symbol = Symbol.for('manycore.describe') as never;
export interface Describable {
  [describeKey](): { readonly type: string; readonly data: unknown };
}

/** Objects of this class cannot be sent: nothing that the receiver could make of them would be the same. */
export function staysHere(C: { readonly prototype: object }, why: string): void {
  const refuse = (): never => {
    throw new SerializationError(why);
  };
  Object.defineProperty(C.prototype, describeKey, { value: refuse });
}

/** The module with the classes of all shared objects: there is one copy of it in an isolate. */
interface Classes {
  /** The handle for an object, made if this isolate has none. Undefined: there is no such object. */
  openHandle(block: number, facet: number): object | undefined;
  /** The buffer over an Array's bytes. Undefined: there is no such object. */
  openBuffer(block: number): ArrayBufferLike | undefined;
  /** What `describeKey` described. Undefined: the type is unknown. */
  revive(type: string, data: unknown): object | undefined;
}

/** Which buffers of this isolate show the bytes of a shared object. */
interface Isolate {
  readonly buffers: WeakMap<object, number>;
}

let found: Isolate | undefined;

function isolate(): Isolate {
  if (found === undefined) {
    const key = Symbol.for(`manycore.shared:${nativePath}`);
    const scope = globalThis as { [key: symbol]: Isolate | undefined };
    if (scope[key] === undefined) Object.defineProperty(globalThis, key, { value: { buffers: new WeakMap() } });
    found = scope[key] as Isolate;
  }
  return found;
}

/** Remembers that `buffer` shows the bytes of an object. */
export function bufferOf(buffer: ArrayBufferLike, block: number): void {
  isolate().buffers.set(buffer, block);
}

/** Whether `value` is sent as a shared object, not by its properties. */
export function isHandle(value: object): boolean {
  return handleKey in value;
}

export function isDescribable(value: object): value is Describable {
  return describeKey in value;
}

/**
 * The block of the shared object that a handle names or that a buffer shows; 0 for anything else.
 * @throws SerializationError for a handle of another copy of the package, or one that was never constructed
 */
export function blockOf(value: object): number {
  if (native === undefined) return 0;
  const handle = (value as Partial<SharedHandle>)[handleKey];
  if (handle === undefined) return isolate().buffers.get(value) ?? 0;
  if (handle.addon !== nativePath) {
    throw new SerializationError('it belongs to another copy of manycore in this process');
  }
  return handle.block;
}

let classes: Classes | undefined;

/** The classes are loaded when the first shared object arrives. */
function load(): Classes {
  classes ??= requireBundle('shared.cjs') as Classes;
  return classes;
}

/** The handle for the object that a message names; undefined if there is none. */
export const openHandle = (block: number, facet: number): object | undefined => load().openHandle(block, facet);
export const openBuffer = (block: number): ArrayBufferLike | undefined => load().openBuffer(block);
export const revive = (type: string, data: unknown): object | undefined => load().revive(type, data);
