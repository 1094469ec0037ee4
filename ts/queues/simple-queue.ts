import { inspect } from 'node:util';
import type { WaitOptions } from '../pool/options.js';
import { Opened, SharedObject } from '../shared/objects.js';
import { got, makeRing, notPut, QueueKind, queueClosed } from './queue.js';
import { RingSide } from './ring.js';
import { Parcel } from './wire.js';

/**
 * A queue with nothing but the essentials: any number of values, in order, from any threads to any threads.
 *
 * Python: `multiprocessing.SimpleQueue`.
 * @example
 * const queue = new SimpleQueue<number>();
 * await queue.put(1);
 * await queue.get(); // 1
 */
export class SimpleQueue<T = unknown> extends SharedObject {
  readonly #ring: RingSide;

  /** An empty queue. */
  constructor();
  /** @internal */
  constructor(from: Opened);
  constructor(from?: Opened) {
    super(from instanceof Opened ? from.block : makeRing(undefined, QueueKind.simple));
    this.#ring = new RingSide(this, this.objectBlock, 0);
  }

  /**
   * Puts a value.
   * @throws SerializationError if it cannot be sent
   * @throws StateError if this thread closed the queue
   */
  async put(value: T): Promise<void> {
    this.putSync(value);
  }

  /** As {@link put}: there is always room. */
  putSync(value: T): void {
    this.#ring.check();
    const ended = this.#ring.putNow(new Parcel([value], 'value'));
    if (ended !== undefined) throw notPut(ended);
  }

  /**
   * Takes the first value, waiting for one.
   * @throws QueueEmptyError when the time is up
   * @throws StateError if this thread closed the queue
   */
  async get(options?: WaitOptions): Promise<T> {
    return got<T>(await this.#ring.get(1, this.#ring.start(options)))[0];
  }

  /** As {@link get}, blocking the calling thread. */
  getSync(options?: WaitOptions): T {
    return got<T>(this.#ring.getSync(1, this.#ring.start(options)))[0];
  }

  /** Whether there is no value now. @throws StateError if this thread closed the queue */
  empty(): boolean {
    this.#ring.check();
    return this.#ring.state.length === 0;
  }

  /** This thread will not use the queue any more, and what waits for it here is rejected. More than once is fine. */
  close(): void {
    this.#ring.close(queueClosed);
  }

  [inspect.custom](): string {
    return `SimpleQueue {${this.#ring.closed ? 'closed' : this.#ring.state.length}}`;
  }
}
