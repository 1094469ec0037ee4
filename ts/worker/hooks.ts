import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Hooks } from '../internal/codec/index.js';
import type { AnyFunction, Definition } from '../internal/functions/definition.js';
import { load } from '../internal/functions/load.js';
import { defineLate } from '../internal/late.js';
import { cannotCross, checkCloneable, parcelOf, type ToWorker, unpack } from '../pool/attachments.js';
import type { Transferable } from '../pool/options.js';

const NOTHING: readonly Transferable[] = [];

/** The worker's side of what travels beside the bytes: see `Attachments` for the owner's. */
export class WorkerAttachments implements Hooks {
  /** A child process has none: nothing travels beside the bytes there. */
  readonly #port: MessagePort | undefined;
  readonly #base: number;
  readonly #shared = new Map<number, unknown>();
  /** What came with the call whose arguments are being read. */
  #moved = new Map<number, unknown>();
  /** Calls that wait for their parcels. */
  readonly #wanting = new Map<number, (parcel: MessagePort | undefined) => void>();
  #next = 0;
  #packed: Array<[number, unknown]> = [];
  /** What the message in the making moves. */
  #transfer = NOTHING;

  constructor(port: MessagePort | undefined, seat: number) {
    this.#port = port;
    // The owner finds the worker by the upper bits of an id.
    this.#base = (seat + 1) << 20;
  }

  attach(value: object): number {
    if (this.#port === undefined) throw cannotCross(value);
    if (!this.#transfer.includes(value as Transferable)) checkCloneable(value);
    const id = this.#id();
    this.#packed.push([id, value]);
    return id;
  }

  attached(id: number): unknown {
    if (this.#moved.has(id)) return this.#moved.get(id);
    if (!this.#shared.has(id)) this.#receive();
    return this.#shared.get(id);
  }

  /** Asks for what was moved with the call in `slot`. Undefined: nobody waits for that call any more. */
  async parcelFor(slot: number): Promise<MessagePort | undefined> {
    this.#port?.postMessage({ want: slot });
    return new Promise((resolve) => this.#wanting.set(slot, resolve));
  }

  /** Runs `read`, which finds what is in the parcel. */
  opening<R>(parcel: MessagePort, read: () => R): R {
    unpack(parcel, this.#moved);
    try {
      return read();
    } finally {
      this.#moved = new Map();
    }
  }

  define(fn: AnyFunction): Definition {
    return defineLate(fn);
  }

  load(definition: Definition): AnyFunction {
    return load(definition);
  }

  /** Ids for array buffers that the message in the making moves. */
  moved(list: readonly Transferable[]): Map<ArrayBuffer, number> | undefined {
    // What is to be moved out of a process is copied: who gives it away has ended its task.
    if (list.length === 0 || this.#port === undefined) return undefined;
    this.#transfer = list;
    const ids = new Map<ArrayBuffer, number>();
    for (const item of list) {
      if (!(item instanceof ArrayBuffer) || ids.has(item)) continue;
      const id = this.attach(item);
      ids.set(item, id);
    }
    return ids;
  }

  /** Sends what the message in the making has attached, before the message itself. Throws what `postMessage` throws. */
  send(): void {
    const packed = this.#packed;
    const transfer = this.#transfer;
    this.discard();
    if (packed.length === 0) return;
    const parcel = parcelOf(packed, transfer);
    this.#port?.postMessage({ parcel }, [parcel]);
  }

  /** Forgets the message in the making: it could not be encoded. */
  discard(): void {
    if (this.#packed.length > 0) this.#packed = [];
    this.#transfer = NOTHING;
  }

  message(message: ToWorker): void {
    if ('share' in message) this.#shared.set(message.share, message.value);
    else if ('drop' in message) this.#shared.delete(message.drop);
    else this.#arrived(message.parcelFor, message.parcel);
  }

  #arrived(slot: number, parcel: MessagePort | undefined): void {
    this.#wanting.get(slot)?.(parcel);
    this.#wanting.delete(slot);
  }

  #receive(): void {
    while (this.#port !== undefined) {
      const received = receiveMessageOnPort(this.#port) as { message: ToWorker } | undefined;
      if (received === undefined) return;
      this.message(received.message);
    }
  }

  #id(): number {
    this.#next = (this.#next + 1) & 0xfffff;
    return (this.#base | this.#next) >>> 0;
  }
}
