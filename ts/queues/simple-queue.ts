import { inspect } from 'node:util';
import { StateError } from '../internal/errors.js';
import type { WaitOptions } from '../pool/options.js';
import { Opened, SharedObject } from '../shared/objects.js';
import { waitOptions } from '../sync/options.js';
import { got, makeRing, notPut, QueueKind } from './queue.js';
import { RingSide } from './ring.js';

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
  #closed = false;

  /** An empty queue. */
  constructor();
  /** @internal */
  constructor(from: Opened);
  constructor(from?: Opened) {
    super(from instanceof Opened ? from.block : makeRing(undefined, QueueKind.simple));
    this.#ring = new RingSide(this.objectBlock, 0);
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
    this.#check();
    const put = this.#ring.putSync([value], 0, {});
    if (put !== 1) throw notPut(put);
  }

  /**
   * Takes the first value, waiting for one.
   * @throws QueueEmptyError when the time is up
   * @throws StateError if this thread closed the queue
   */
  async get(options?: WaitOptions): Promise<T> {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    return got<T>(await this.#ring.get(1, limits))[0];
  }

  /** As {@link get}, blocking the calling thread. */
  getSync(options?: WaitOptions): T {
    const limits = waitOptions(options);
    this.#check();
    limits.signal?.throwIfAborted();
    return got<T>(this.#ring.getSync(1, limits))[0];
  }

  /** Whether there is no value now. @throws StateError if this thread closed the queue */
  empty(): boolean {
    this.#check();
    return this.#ring.state.length === 0;
  }

  /** This thread will not use the queue any more. More than once is fine. */
  close(): void {
    this.#closed = true;
  }

  #check(): void {
    if (this.#closed) throw new StateError('The queue is closed');
  }

  [inspect.custom](): string {
    return `SimpleQueue {${this.#closed ? 'closed' : this.#ring.state.length}}`;
  }
}
