import { block } from '../internal/blocking.js';
import { handleKey } from '../internal/handles.js';
import { noMemory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { WaitingLine, type WaitLimits } from '../internal/waiting.js';
import { type Connection, makePipe } from '../queues/connection.js';
import { type Batch, type Beside, Parcel, wire } from '../queues/wire.js';
import { constantOf, ObjectLayout } from '../shared/objects.js';

/** What `ringGet` answers when nothing will come any more. */
const ENDED = -2;
/** What `ringLeave` is told. */
const LEAVE_ITEMS = 0;

/** A message: what it is, and more of it. */
export type Message = readonly [kind: string, ...more: unknown[]];

/** Who gets the messages of a channel. What is called here must not throw. */
export interface Receiver {
  /** `payload` is a value of the user's that came with the message. */
  message(message: Message, payload: unknown): void;
  /** A message or its payload cannot be read. */
  unreadable(error: unknown): void;
  /** The other end is gone: nothing more will come. */
  hungUp(): void;
}

/** Both ends of a channel. Nothing that is sent in it ever waits for room. */
export const channelEnds = (): [Connection, Connection] => makePipe(true, 0);

/**
 * What a parent and its child tell each other, in rings of the shared memory: so it arrives whatever the event loops do,
 * and the end of either is seen by the other. The isolate that waits here does not stay alive for it.
 */
export class Channel {
  readonly #end: Connection;
  readonly #input: number;
  readonly #output: number;
  readonly #receiver: Receiver;
  readonly #line: WaitingLine;
  /** What travels beside the bytes of payloads. */
  readonly #beside: Beside;
  /** A message whose payload comes next. */
  #announced: Message | undefined;
  #over = false;
  #closed = false;

  constructor(end: Connection, receiver: Receiver, beside: Beside) {
    const { block } = end[handleKey];
    this.#end = end;
    this.#input = constantOf(block, ObjectLayout.a);
    this.#output = constantOf(block, ObjectLayout.b);
    this.#receiver = receiver;
    this.#beside = beside;
    this.#line = new WaitingLine({ quiet: true, leave: () => this.#leave() });
  }

  /** Whether nothing more will come. */
  get over(): boolean {
    return this.#over;
  }

  /** Sends a message. False: nobody reads any more. */
  send(message: Message): boolean {
    return this.#put(new Parcel([[false, message]], 'message'));
  }

  /**
   * Sends a message with a value of the user's, which errors call `label`.
   * @throws SerializationError if the value cannot be sent: then nothing was
   */
  sendWith(message: Message, payload: unknown, label: string): boolean {
    const area = wire.enter();
    let batch: Batch | undefined;
    try {
      batch = wire.write(area, new Parcel([payload], label, this.#beside));
      return this.#put(new Parcel([[true, message]], 'message')) && this.#putBatch(batch);
    } finally {
      if (batch !== undefined) wire.drop(batch);
      wire.leave();
    }
  }

  /** Has the event loop look for messages from now on, until the other end is gone. */
  listen(): void {
    this.#line.wait(() => this.#drain(true), {}).catch(() => {});
  }

  /** Hands out what is there. */
  poll(): void {
    this.#drain(false);
  }

  /** Blocks the thread, handing out what comes, until `done` answers something; undefined: the time is up. */
  block<T>(done: () => T | undefined, limits: WaitLimits): T | undefined {
    const look = (): T | undefined => {
      this.#drain(true);
      return done();
    };
    return block(this.#line, look, limits);
  }

  /** This isolate lets go of its end. */
  close(): void {
    if (this.#closed) return;
    this.#line.refuseAll(() => new Error('closed'));
    this.#leave();
    this.#closed = true;
    this.#end.close();
  }

  /** Takes back that this isolate waits. A blocking wait may end with the channel: then the ring may be another's. */
  #leave(): void {
    if (!this.#closed) native.ringLeave(this.#input, LEAVE_ITEMS);
  }

  #put(parcel: Parcel): boolean {
    const area = wire.enter();
    let batch: Batch | undefined;
    try {
      batch = wire.write(area, parcel);
      return this.#putBatch(batch);
    } finally {
      if (batch !== undefined) wire.drop(batch);
      wire.leave();
    }
  }

  #putBatch(batch: Batch): boolean {
    if (this.#closed) return false;
    let answer: number;
    try {
      answer = native.ringPut(this.#output, batch.at, batch.end - batch.at, false);
    } catch (cause) {
      throw noMemory(cause);
    }
    const put = answer >>> 2;
    wire.skip(batch, put);
    return put > 0;
  }

  /** Hands out what is there. True: nothing more will come. */
  #drain(wait: boolean): true | undefined {
    while (!this.#over && !this.#closed) {
      const errors: unknown[] = [];
      const area = wire.enter();
      let values: unknown[];
      try {
        const count = wire.take(this.#input, area, 1, wait, 0);
        if (count === ENDED) {
          this.#over = true;
          this.#receiver.hungUp();
          return true;
        }
        if (count <= 0) return undefined;
        values = wire.read(area, count, errors, this.#beside);
      } finally {
        wire.leave();
      }
      this.#arrived(values, errors);
    }
    return true;
  }

  #arrived(values: unknown[], errors: unknown[]): void {
    const announced = this.#announced;
    this.#announced = undefined;
    if (errors.length > 0) {
      this.#receiver.unreadable(errors[0]);
    } else if (announced !== undefined) {
      this.#receiver.message(announced, values[0]);
    } else {
      const [more, message] = values[0] as [boolean, Message];
      if (more) this.#announced = message;
      else this.#receiver.message(message, undefined);
    }
  }
}
