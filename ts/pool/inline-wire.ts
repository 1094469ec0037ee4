import { allocate } from '../internal/codec/bytes.js';
import { Decoder, Encoder, type Hooks } from '../internal/codec/index.js';
import { define } from '../internal/functions/define.js';
import type { AnyFunction, Definition } from '../internal/functions/definition.js';
import { load } from '../internal/functions/load.js';
import { loadNative } from '../internal/load-native.js';
import { isWasmModule } from '../internal/wasm-module.js';
import { asTransfer } from '../transfer.js';
import { checkCloneable, parcelOf, unpack } from './attachments.js';
import type { Transferable } from './options.js';

const NOWHERE = allocate(0);

/** What a thread would send to another. */
export class Message {
  readonly bytes: Buffer;
  /** What travels beside the bytes, by the id under which they name it. */
  readonly attached: ReadonlyMap<number, unknown>;
  /** Whether the sender lost something to it: then it is good for one reading. */
  readonly moved: boolean;
  /** The shared objects that it names live as long as it does. */
  readonly handles: readonly object[];

  constructor(bytes: Buffer, attached: ReadonlyMap<number, unknown>, moved: boolean, handles: readonly object[]) {
    this.bytes = bytes;
    this.attached = attached;
    this.moved = moved;
    this.handles = handles;
  }
}

/** The attachments of a message in the making. */
interface Draft {
  /** Things that both sides may have. */
  readonly shared: Array<[number, object]>;
  /** Things that are cloned or moved by `postMessage`. */
  readonly packed: Array<[number, unknown]>;
  /** Those of them that are moved. */
  readonly transfer: readonly Transferable[];
}

/**
 * Takes values on the way that they take between threads, without leaving this one: what cannot be sent fails in the
 * same words, and what arrives is a copy.
 */
export class Wire implements Hooks {
  readonly #encoder = new Encoder(this);
  readonly #decoder = new Decoder(this);
  #draft: Draft = { shared: [], packed: [], transfer: [] };
  #attached: ReadonlyMap<number, unknown> = new Map();
  #nextId = 1;

  constructor() {
    // The codec asks it what a shared object's number is.
    loadNative();
  }

  /** One message with all of `values`; `label` names them in errors: `args[2].db`. */
  pack(values: readonly unknown[], label: string, transfer?: readonly Transferable[]): Message {
    return this.#write(label, transfer, (moved) =>
      this.#encoder.encode(NOWHERE, 0, 0, values, 0, values.length, false, moved),
    );
  }

  unpack(message: Message): unknown[] {
    return this.#read(message, ({ bytes, view }) => this.#decoder.decode({ u8: bytes, dv: view }, 0, bytes.length));
  }

  /** One value, or a message with it if it is not immutable. */
  packOne(value: unknown, label: string, transfer?: readonly Transferable[]): unknown {
    if (isImmutable(value)) return value;
    return this.#write(label, transfer, (moved) => this.#encoder.encodeOne(NOWHERE, 0, 0, value, moved));
  }

  unpackOne(packed: unknown): unknown {
    if (!(packed instanceof Message)) return packed;
    return this.#read(packed, ({ bytes, view }) => this.#decoder.decodeOne({ u8: bytes, dv: view }, 0, bytes.length));
  }

  /** What arrives of a task's result; `transfer()` marks what is moved. */
  result(value: unknown): unknown {
    const marked = asTransfer(value);
    return this.unpackOne(
      marked === undefined ? this.packOne(value, 'result') : this.packOne(marked.value, 'result', marked.list),
    );
  }

  /** What arrives of a thrown value: itself, or why it cannot be sent. */
  thrown(error: unknown): unknown {
    try {
      return this.unpackOne(this.packOne(error, 'result'));
    } catch (unsendable) {
      return unsendable;
    }
  }

  attach(value: object): number {
    const { shared, packed, transfer } = this.#draft;
    if (!transfer.includes(value as Transferable)) checkCloneable(value);
    const id = this.#nextId++;
    if (value instanceof SharedArrayBuffer || isWasmModule(value)) shared.push([id, value]);
    else packed.push([id, value]);
    return id;
  }

  attached(id: number): unknown {
    return this.#attached.get(id);
  }

  define(fn: AnyFunction): Definition {
    return define(fn);
  }

  load(definition: Definition): AnyFunction {
    return load(definition);
  }

  #write(
    label: string,
    transfer: readonly Transferable[] | undefined,
    encode: (moved: Map<ArrayBuffer, number> | undefined) => void,
  ): Message {
    // A getter of the user's may write another message meanwhile.
    const [outer, outerLabel] = [this.#draft, this.#encoder.label];
    const draft: Draft = { shared: [], packed: [], transfer: transfer ?? [] };
    this.#draft = draft;
    this.#encoder.label = label;
    try {
      encode(transfer && this.#ids(transfer));
      const { scratch, length } = this.#encoder;
      // Not from Node's slab: the decoder wants memory whose first byte is the message's first.
      const bytes = Buffer.allocUnsafeSlow(length);
      bytes.set(scratch.u8.subarray(0, length));
      const attached = new Map<number, unknown>(draft.shared);
      const { packed } = draft;
      if (packed.length > 0) unpack(parcelOf(packed, transfer), attached);
      return new Message(bytes, attached, packed.length > 0, this.#encoder.takeHandles());
    } finally {
      this.#draft = outer;
      this.#encoder.label = outerLabel;
    }
  }

  /** Ids for array buffers that are to be moved. */
  #ids(transfer: readonly Transferable[]): Map<ArrayBuffer, number> {
    const ids = new Map<ArrayBuffer, number>();
    for (const item of transfer) {
      if (item instanceof ArrayBuffer && !ids.has(item)) ids.set(item, this.attach(item));
    }
    return ids;
  }

  #read<R>({ bytes, attached }: Message, decode: (source: { bytes: Buffer; view: DataView }) => R): R {
    const outer = this.#attached;
    this.#attached = attached;
    try {
      return decode({ bytes, view: new DataView(bytes.buffer) });
    } finally {
      this.#attached = outer;
    }
  }
}

/** Primitives other than symbols, which cannot be sent. */
function isImmutable(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol');
}
