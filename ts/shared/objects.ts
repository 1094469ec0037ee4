import threads from 'node:worker_threads';
import { bufferOf, Facet, handleKey, type SharedHandle } from '../internal/handles.js';
import { BLOCK_HEADER, UNIT } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, nativePath } from '../internal/native.js';
import { ready } from '../internal/ready.js';

/** What a shared object is: the first word of its block. The same numbers are in `crates/core/src/objects/kind.rs`. */
export const ObjectKind = {
  value: 1,
  array: 2,
  lock: 3,
  rlock: 4,
  semaphore: 5,
  boundedSemaphore: 6,
  condition: 7,
  event: 8,
  barrier: 9,
  queue: 10,
  connection: 11,
} as const;
export type ObjectKind = (typeof ObjectKind)[keyof typeof ObjectKind];

/** Bytes of a block's payload: kind and constants, the gate's words, where an object's own state begins. */
export const ObjectLayout = { a: 4, b: 8, c: 12, word: 16, aside: 20, state: 152, data: 160 } as const;

/** Byte offset of a field of an object. */
export const fieldOf = (block: number, field: number): number => block * UNIT + BLOCK_HEADER + field;

/** One of the words that an object begins with. */
export const constantOf = (block: number, field: number): number => memory.u32[fieldOf(block, field) / 4];

/** Handles of this isolate by their object's block: an object that arrives twice is the same handle. */
const handles = new Map<number, WeakRef<object>>();
const collected = new FinalizationRegistry<{ readonly block: number; readonly ref: WeakRef<object> }>(
  ({ block, ref }) => {
    // Another handle may have been made meanwhile.
    if (handles.get(block) !== ref) return;
    handles.delete(block);
    native.releaseObject(block);
  },
);

/** Since Node 22.10. */
const { markAsUncloneable } = threads as { markAsUncloneable?: (object: object) => void };

/** Node's `structuredClone` and `postMessage` refuse this handle, of which they would make a plain object. */
export function refuseClones(handle: object): void {
  markAsUncloneable?.(handle);
}

/** Makes a handle of a block of a kind. */
const makers = new Map<number, (block: number) => object>();
const revivers = new Map<string, (data: unknown) => object>();

/** Handles for objects of this kind are made by `make`, which must call {@link adopt}. */
export function onOpen(kind: ObjectKind, make: (block: number) => object): void {
  makers.set(kind, make);
}

/** What is sent as `type` and data arrives as what `revive` makes. */
export function onRevive(type: string, revive: (data: unknown) => object): void {
  revivers.set(type, revive);
}

/**
 * Makes a shared object that this isolate holds: its kind and constants, the bytes of its payload, and objects that it
 * needs. All behind the constants is zero.
 * @throws RangeError if there is no memory for it
 */
export function createObject(
  kind: ObjectKind,
  [a, b, c]: readonly [number, number, number],
  bytes: number,
  needs: number[] = [],
): number {
  ready();
  let block: number;
  try {
    block = native.createObject(kind, a, b, c, bytes, needs);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(
      `The shared memory has no room for ${bytes} bytes: ${why}. What was dropped is free after a turn of the event loop; ` +
        'on Node 20, an Array that a worker has had is free when that worker ends',
      { cause },
    );
  }
  memory.ensure(fieldOf(block, bytes));
  return block;
}

/** `handle` is this isolate's handle of the object from here on; when it is garbage, the isolate lets the object go. */
export function adopt(handle: object, block: number): void {
  const ref = new WeakRef(handle);
  handles.set(block, ref);
  collected.register(handle, { block, ref });
}

/** This isolate lets go of the object that `handle` named, now: it was closed. */
export function disown(handle: object, block: number): void {
  if (handles.get(block)?.deref() !== handle) return;
  handles.delete(block);
  native.releaseObject(block);
}

/** The handle for an object, made if this isolate has none. Undefined: there is no such object. */
export function openHandle(block: number, facet: number = Facet.object): object | undefined {
  const handle = handles.get(block)?.deref() ?? makeHandle(block);
  if (facet === Facet.object || handle === undefined) return handle;
  const whole = handle as { getLock?(): object; getObj?(): object };
  return facet === Facet.lock ? whole.getLock?.() : whole.getObj?.();
}

function makeHandle(block: number): object | undefined {
  ready();
  if (!native.openObject(block)) return undefined;
  memory.ensure(fieldOf(block, ObjectLayout.state));
  return makers.get(constantOf(block, 0))?.(block);
}

const buffers = new Map<number, WeakRef<ArrayBufferLike>>();
const droppedBuffers = new FinalizationRegistry<{ readonly block: number; readonly ref: WeakRef<ArrayBufferLike> }>(
  ({ block, ref }) => {
    if (buffers.get(block) === ref) buffers.delete(block);
  },
);
/** Where a worker that drops an external ArrayBuffer before it ends can crash Node, none is ever dropped. */
const keptBuffers: ArrayBufferLike[] = [];

/**
 * The buffer over exactly the data of an Array that this isolate holds, one per isolate: a SharedArrayBuffer where the
 * runtime can make one over memory that is not its own, else an ArrayBuffer. It keeps the object alive by itself.
 */
export function bufferFor(block: number): ArrayBufferLike {
  const known = buffers.get(block)?.deref();
  if (known !== undefined) return known;
  const buffer = native.objectBuffer(block, ObjectLayout.data, constantOf(block, ObjectLayout.b));
  if (threads.threadId !== 0 && buffer instanceof ArrayBuffer) keptBuffers.push(buffer);
  const ref = new WeakRef(buffer);
  buffers.set(block, ref);
  droppedBuffers.register(buffer, { block, ref });
  bufferOf(buffer, block);
  return buffer;
}

/** The buffer over an Array's data, of which a message has a view. Undefined: there is no such object. */
export function openBuffer(block: number): ArrayBufferLike | undefined {
  const known = buffers.get(block)?.deref();
  if (known !== undefined) return known;
  ready();
  if (!native.openObject(block)) return undefined;
  memory.ensure(fieldOf(block, ObjectLayout.state));
  try {
    return constantOf(block, 0) === ObjectKind.array ? bufferFor(block) : undefined;
  } finally {
    // Only a handle counts as holding the object.
    if (handles.get(block)?.deref() === undefined) native.releaseObject(block);
  }
}

/** What was described by its class and data. Undefined: the type is unknown. */
export function revive(type: string, data: unknown): object | undefined {
  return revivers.get(type)?.(data);
}

/** What the constructor of a handle is given to make one for an object that exists. */
export class Opened {
  readonly block: number;
  /** The object that contains the one of the handle. */
  readonly within: object | undefined;

  constructor(block: number, within?: object) {
    this.block = block;
    this.within = within;
  }
}

/** @see Opened */
export const opened = (block: number, within?: object): Opened => new Opened(block, within);

/** A shared object's handle. */
export abstract class SharedObject implements SharedHandle {
  readonly #block: number;

  protected constructor(block: number) {
    this.#block = block;
    adopt(this, block);
    refuseClones(this);
  }

  /** @internal */
  protected get objectBlock(): number {
    return this.#block;
  }

  /** @internal */
  get [handleKey](): SharedHandle[typeof handleKey] {
    return { addon: nativePath, block: this.#block, facet: Facet.object };
  }
}
