import { MessageChannel, MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { SerializationError } from '../internal/errors.js';
import { isWasmModule } from '../internal/wasm-module.js';
import { detach } from './detach.js';
import type { Transferable } from './options.js';

/** What an owner tells a worker through its port. */
export type ToWorker =
  | { readonly share: number; readonly value: unknown }
  | { readonly drop: number }
  /** The parcel that the worker asked for; without one, nobody waits for the call any more. */
  | { readonly parcelFor: number; readonly parcel?: MessagePort };

/** What came with one message and is not in its bytes. */
export interface Luggage {
  /** Kept from the garbage collector until the message was read. */
  readonly shared: readonly object[];
  /** Where the receiver finds what was moved to it alone. Only one worker can have it. */
  readonly parcel: MessagePort | undefined;
}

/** A message in the making: what it has attached so far. */
interface Draft {
  readonly held: object[];
  readonly packed: Array<[number, unknown]>;
  readonly transfer: readonly Transferable[];
}

/**
 * The owner's side of what travels beside the bytes.
 *
 * What everybody can have (a SharedArrayBuffer, a WebAssembly.Module, a key) is posted once to every worker, under an
 * id, and forgotten there when it is garbage here. What is moved is packed into a parcel; whichever worker takes the
 * call asks for it.
 */
export class Attachments {
  readonly #broadcast: (message: ToWorker) => void;
  readonly #ids = new WeakMap<object, number>();
  readonly #shared = new Map<number, WeakRef<object>>();
  readonly #collected: FinalizationRegistry<number>;
  #next = 1;
  #held: object[] = [];
  #packed: Array<[number, unknown]> = [];
  /** What the message in the making moves. */
  #transfer: readonly Transferable[] = [];

  constructor(broadcast: (message: ToWorker) => void) {
    this.#broadcast = broadcast;
    this.#collected = new FinalizationRegistry((id) => {
      this.#shared.delete(id);
      broadcast({ drop: id });
    });
  }

  /** Whether the message in the making has anything attached. */
  get any(): boolean {
    return this.#held.length > 0 || this.#packed.length > 0;
  }

  /** The codec's hook. */
  attach(value: object): number {
    if (this.#transfer.includes(value as Transferable)) return this.#pack(value);
    const known = this.#ids.get(value);
    if (known === undefined) checkCloneable(value);
    this.#held.push(value);
    if (known !== undefined) return known;
    const id = this.#next++;
    this.#ids.set(value, id);
    this.#shared.set(id, new WeakRef(value));
    this.#collected.register(value, id);
    this.#broadcast({ share: id, value });
    return id;
  }

  /**
   * A message is begun. If it is begun in the middle of another, by a getter of the user's that makes a call, what that
   * other one has so far is answered, for `resume`.
   */
  begin(): Draft | undefined {
    if (!this.any && this.#transfer.length === 0) return undefined;
    const outer: Draft = { held: this.#held, packed: this.#packed, transfer: this.#transfer };
    this.discard();
    return outer;
  }

  /** The message that was begun last is done. */
  resume(outer: Draft | undefined): void {
    if (outer === undefined) return;
    this.#held = outer.held;
    this.#packed = outer.packed;
    this.#transfer = outer.transfer;
  }

  /** Ids for array buffers that are to be moved. */
  moved(list: readonly Transferable[] | undefined): Map<ArrayBuffer, number> | undefined {
    if (list === undefined) return undefined;
    this.#transfer = list;
    const ids = new Map<ArrayBuffer, number>();
    for (const item of list) if (item instanceof ArrayBuffer && !ids.has(item)) ids.set(item, this.#pack(item));
    return ids;
  }

  /** Closes the message in the making: moves what is to be moved. Throws what `postMessage` throws. */
  pack(transfer: readonly Transferable[] | undefined): Luggage {
    const shared = this.#held;
    const packed = this.#packed;
    this.discard();
    return { shared, parcel: packed.length > 0 ? parcelOf(packed, transfer) : undefined };
  }

  /** Forgets the message in the making: it could not be encoded. */
  discard(): void {
    this.#held = [];
    this.#packed = [];
    this.#transfer = [];
  }

  #pack(value: object): number {
    const id = this.#next++;
    this.#packed.push([id, value]);
    return id;
  }

  /** Everything that is shared now, for a worker that starts. */
  *everything(): Iterable<ToWorker> {
    for (const [id, ref] of this.#shared) {
      const value = ref.deref();
      if (value !== undefined) yield { share: id, value };
    }
  }
}

/**
 * The owner's side where the workers are processes: nothing travels beside the bytes. What is to be moved is copied, and
 * made unusable here.
 */
export class NoAttachments extends Attachments {
  #moving: readonly Transferable[] = [];

  constructor() {
    super(() => {});
  }

  override get any(): boolean {
    return this.#moving.length > 0;
  }

  override attach(value: object): never {
    throw cannotCross(value);
  }

  override moved(list: readonly Transferable[] | undefined): undefined {
    for (const item of list ?? []) if (!(item instanceof ArrayBuffer)) throw cannotCross(item);
    this.#moving = list ?? [];
  }

  override pack(): Luggage {
    for (const buffer of this.#moving) detach(buffer);
    this.#moving = [];
    return { shared: [], parcel: undefined };
  }

  override discard(): void {
    super.discard();
    this.#moving = [];
  }
}

/** The error of what only threads can share. */
export function cannotCross(value: object): SerializationError {
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const way = value instanceof SharedArrayBuffer ? '; use an Array, which every process can share' : '';
  return new SerializationError(`a ${kind} cannot be sent to another process${way}`);
}

/** Throws for what can be attached only to be moved (a MessagePort, a stream), before `postMessage` would. */
export function checkCloneable(value: object): void {
  if (value instanceof SharedArrayBuffer || isWasmModule(value)) return;
  if (value instanceof MessagePort) {
    throw new SerializationError('a MessagePort can only be moved: list it in `transfer`');
  }
  structuredClone(value);
}

/** Packs values into a port: they are moved at once, whoever will read them. */
export function parcelOf(
  packed: ReadonlyArray<readonly [number, unknown]>,
  transfer: readonly Transferable[] | undefined,
): MessagePort {
  const { port1, port2 } = new MessageChannel();
  try {
    port1.postMessage(packed, [...new Set(transfer)]);
  } catch (cause) {
    port2.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SerializationError(`Cannot send: ${reason}`, { cause });
  } finally {
    port1.close();
  }
  return port2;
}

/** Reads a parcel into `into`. */
export function unpack(parcel: MessagePort, into: Map<number, unknown>): void {
  const received = receiveMessageOnPort(parcel) as { message: Array<[number, unknown]> } | undefined;
  for (const [id, value] of received?.message ?? []) into.set(id, value);
  parcel.close();
}
