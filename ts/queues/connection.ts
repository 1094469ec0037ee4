import { inspect, types } from 'node:util';
import { expected } from '../internal/describe.js';
import { BufferTooShortError, EOFError, StateError, TimeoutError } from '../internal/errors.js';
import { blockOf, handleKey, type SharedHandle } from '../internal/handles.js';
import { native } from '../internal/native.js';
import { integerFrom } from '../internal/options/checks.js';
import type { WaitOptions } from '../pool/options.js';
import {
  constantOf,
  createObject,
  disown,
  ObjectKind,
  ObjectLayout,
  Opened,
  onOpen,
  SharedObject,
} from '../shared/objects.js';
import { waitOptions } from '../sync/options.js';
import { QueueKind, RING_BYTES } from './queue.js';
import { Ended, RingSide } from './ring.js';
import { Parcel } from './wire.js';

/** Bytes on their way in one direction from which on a sender waits. One message may be longer. */
const PIPE_BYTES = 1 << 20;

const offsetCheck = integerFrom(0);

/** Bytes of any kind. */
export type BytesLike = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/**
 * One end of a {@link Pipe}: what is sent here is received at the other end. Messages keep their boundaries and their
 * order. It can be sent to other threads like any shared object; the end is closed when every thread that has it has
 * closed it, dropped it, or died.
 *
 * Python: `multiprocessing.connection.Connection`.
 */
export class Connection<T = unknown> extends SharedObject implements AsyncIterable<T>, Disposable {
  readonly #input: RingSide | undefined;
  readonly #output: RingSide | undefined;
  #closed = false;

  /** @internal */
  constructor(from: Opened) {
    super(from.block);
    const input = constantOf(from.block, ObjectLayout.a);
    const output = constantOf(from.block, ObjectLayout.b);
    this.#input = input === 0 ? undefined : new RingSide(this, input, 0);
    this.#output = output === 0 ? undefined : new RingSide(this, output, 0);
  }

  /** Whether this thread has closed the end. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether messages can be received here. */
  get readable(): boolean {
    return this.#input !== undefined;
  }

  /** Whether messages can be sent here. */
  get writable(): boolean {
    return this.#output !== undefined;
  }

  /**
   * Sends a value. It waits while more than 1 MiB is on its way already.
   * @throws EOFError if the other end is closed
   * @throws SerializationError if the value cannot be sent
   * @throws StateError if this end is closed, or only receives
   * @throws TimeoutError when the time is up
   */
  async send(value: T, options?: WaitOptions): Promise<void> {
    const limits = waitOptions(options);
    const output = this.#sending(limits);
    sent(await output.put(new Parcel([value], 'value'), limits));
  }

  /** As {@link send}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  sendSync(value: T, options?: WaitOptions): void {
    const limits = waitOptions(options);
    const output = this.#sending(limits);
    sent(output.putSync(new Parcel([value], 'value'), limits));
  }

  /**
   * Receives the next value, waiting for it.
   * @throws EOFError if the other end is closed and nothing is left
   * @throws StateError if this end is closed, or only sends
   * @throws TimeoutError when the time is up
   */
  async recv(options?: WaitOptions): Promise<T> {
    const limits = waitOptions(options);
    const input = this.#receiving(limits);
    return received(await input.get(1, limits)) as T;
  }

  /** As {@link recv}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  recvSync(options?: WaitOptions): T {
    const limits = waitOptions(options);
    const input = this.#receiving(limits);
    return received(input.getSync(1, limits)) as T;
  }

  /**
   * Whether there is something to receive, be it the end: waits for it up to `timeout` milliseconds.
   * @param options how long to wait. @default not at all
   */
  async poll(options: WaitOptions = { timeout: 0 }): Promise<boolean> {
    const limits = waitOptions(options);
    const input = this.#receiving(limits);
    return input.ready(limits);
  }

  /** As {@link poll}, blocking the calling thread. */
  pollSync(options: WaitOptions = { timeout: 0 }): boolean {
    const limits = waitOptions(options);
    const input = this.#receiving(limits);
    return input.readySync(limits);
  }

  /**
   * Sends bytes: `size` of them from `offset` on. Python: `send_bytes`.
   * @param offset in bytes. @default 0
   * @param size in bytes. @default all that follow
   * @throws RangeError if there are no such bytes, and as {@link send} does
   */
  async sendBytes(bytes: BytesLike, offset?: number, size?: number, options?: WaitOptions): Promise<void> {
    await this.send(sendable(part(bytes, offset, size)) as T, options);
  }

  /** As {@link sendBytes}, blocking the calling thread. */
  sendBytesSync(bytes: BytesLike, offset?: number, size?: number, options?: WaitOptions): void {
    this.sendSync(sendable(part(bytes, offset, size)) as T, options);
  }

  /**
   * Receives the next message, which must be bytes. Python: `recv_bytes`.
   * @param maxLength the longest message that is accepted, in bytes. @default any
   * @throws BufferTooShortError for a longer one, which is in its `data`; TypeError if it is not bytes; and as
   * {@link recv} does
   */
  async recvBytes(maxLength?: number, options?: WaitOptions): Promise<Buffer> {
    const checked = lengthOf(maxLength);
    return fitting(bytesOf(await this.recv(options)), checked);
  }

  /** As {@link recvBytes}, blocking the calling thread. */
  recvBytesSync(maxLength?: number, options?: WaitOptions): Buffer {
    const checked = lengthOf(maxLength);
    return fitting(bytesOf(this.recvSync(options)), checked);
  }

  /**
   * Receives the next message, which must be bytes, into `target` from byte `offset` on. Answers how many bytes it has.
   * Python: `recv_bytes_into`.
   * @throws BufferTooShortError if there is not enough room: the message is in its `data`
   */
  async recvBytesInto(target: BytesLike, offset = 0, options?: WaitOptions): Promise<number> {
    const room = part(target, offset);
    return copy(fitting(bytesOf(await this.recv(options)), room.length), room);
  }

  /** As {@link recvBytesInto}, blocking the calling thread. */
  recvBytesIntoSync(target: BytesLike, offset = 0, options?: WaitOptions): number {
    const room = part(target, offset);
    return copy(fitting(bytesOf(this.recvSync(options)), room.length), room);
  }

  /** Receives values until the other end is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const taken = await this.#receiving({}).get(1, {});
      if (taken === Ended.shut) return;
      yield received(taken) as T;
    }
  }

  /**
   * Closes this thread's handle of the end; what waits for it here is rejected with StateError. More than once is fine.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#input?.close(connectionClosed);
    this.#output?.close(connectionClosed);
    disown(this, this.objectBlock);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  override get [handleKey](): SharedHandle[typeof handleKey] {
    // Its block may be another object's by now.
    if (this.#closed) throw connectionClosed();
    return super[handleKey];
  }

  /** The ring for a wait that begins now. */
  #sending(limits: WaitOptions): RingSide {
    if (this.#closed) throw connectionClosed();
    if (this.#output === undefined) throw new StateError('The connection only receives');
    limits.signal?.throwIfAborted();
    return this.#output;
  }

  #receiving(limits: WaitOptions): RingSide {
    if (this.#closed) throw connectionClosed();
    if (this.#input === undefined) throw new StateError('The connection only sends');
    limits.signal?.throwIfAborted();
    return this.#input;
  }

  [inspect.custom](): string {
    const ways = [this.readable ? 'receives' : '', this.writable ? 'sends' : ''].filter(Boolean).join(', ');
    return `Connection {${this.#closed ? 'closed' : ways}}`;
  }
}

/**
 * Two ends that are connected: what is sent at one is received at the other.
 *
 * Python: `multiprocessing.Pipe(duplex=True)`.
 * @param duplex whether both ends send and receive; if not, the first receives and the second sends. @default true
 * @example
 * const [here, there] = Pipe();
 * pool.apply(async (end) => end.send((await end.recv()) * 2), [there]);
 * await here.send(21);
 * await here.recv(); // 42
 */
export function Pipe<A = unknown, B = A>(duplex = true): [Connection<A>, Connection<B>] {
  if (typeof duplex !== 'boolean') throw new TypeError(expected('duplex', 'a boolean', duplex));
  return makePipe(duplex, PIPE_BYTES) as [Connection<A>, Connection<B>];
}

/** A pipe in which a sender waits from `bytes` bytes on; 0: never. */
export function makePipe(duplex: boolean, bytes: number): [Connection, Connection] {
  const makeRing = (): number => createObject(ObjectKind.queue, [0, bytes, QueueKind.pipe], RING_BYTES);
  const forth = makeRing();
  const back = duplex ? makeRing() : 0;
  const rings = duplex ? [forth, back] : [forth];
  const first = makeEnd(forth, back, rings);
  const second = makeEnd(back, forth, rings);
  // The ends keep them.
  for (const ring of rings) native.releaseObject(ring);
  return [first, second];
}

function makeEnd(input: number, output: number, rings: number[]): Connection {
  return new Connection(new Opened(createObject(ObjectKind.connection, [input, output, 0], ObjectLayout.word, rings)));
}

const connectionClosed = (): StateError => new StateError('The connection is closed');

function sent(ended: Ended | undefined): void {
  if (ended === undefined) return;
  if (ended === Ended.timedOut) throw new TimeoutError('The connection had no room in time');
  throw new EOFError('The other end of the connection is closed');
}

function received(taken: unknown[] | Ended): unknown {
  if (typeof taken === 'object') return taken[0];
  if (taken === Ended.timedOut) throw new TimeoutError('Nothing was received in time');
  throw new EOFError('The other end of the connection is closed');
}

/** `size` bytes of `bytes` from `offset` on, in place. */
function part(bytes: BytesLike, offset: unknown = 0, size?: unknown): Buffer {
  const all = viewOf(bytes);
  const from = offsetCheck(offset, 'offset') as number;
  if (from > all.length) throw new RangeError(expected('offset', `at most ${all.length}`, from));
  if (size === undefined) return all.subarray(from);
  const count = offsetCheck(size, 'size') as number;
  if (from + count > all.length) throw new RangeError(expected('size', `at most ${all.length - from}`, count));
  return all.subarray(from, from + count);
}

/** The bytes themselves are sent, also those of memory that is shared and would be sent by reference. */
function sendable(bytes: Buffer): Buffer {
  const { buffer } = bytes;
  return types.isSharedArrayBuffer(buffer) || blockOf(buffer) !== 0 ? Buffer.from(bytes) : bytes;
}

function viewOf(bytes: BytesLike): Buffer {
  if (ArrayBuffer.isView(bytes)) return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  if (types.isAnyArrayBuffer(bytes)) return Buffer.from(bytes as ArrayBuffer);
  throw new TypeError(expected('bytes', 'an ArrayBuffer or a view of one', bytes));
}

function lengthOf(maxLength: unknown): number {
  return maxLength === undefined ? Number.POSITIVE_INFINITY : (offsetCheck(maxLength, 'maxLength') as number);
}

function bytesOf(value: unknown): Buffer {
  if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) return viewOf(value);
  throw new TypeError('The message that was received is not bytes: receive it with recv()');
}

function fitting(bytes: Buffer, most: number): Buffer {
  if (bytes.length <= most) return bytes;
  throw new BufferTooShortError(`The message has ${bytes.length} bytes, and there is room for ${most}`, {
    data: bytes,
  });
}

function copy(bytes: Buffer, target: Buffer): number {
  target.set(bytes);
  return bytes.length;
}

onOpen(ObjectKind.connection, (block) => new Connection(new Opened(block)));
