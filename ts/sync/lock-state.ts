import { block as blockThread } from '../internal/blocking.js';
import { DeadlockError, OwnerDiedError, StateError } from '../internal/errors.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { ready } from '../internal/ready.js';
import { timedOut, WaitingLine } from '../internal/waiting.js';
import { fieldOf, ObjectLayout } from '../shared/objects.js';
import type { AcquireOptions } from './options.js';

/** The word of a lock that somebody waits for has this bit. */
const WAITED = 0x80000000;

/** What `lockLook` and `lockRelease` answer. */
const Look = { recovered: 1, sleep: 2, ownerDied: 3 } as const;
const Released = { ownTurn: 1, notHeld: 2 } as const;

/** How a lock was held before a condition's wait let go of it. */
export interface Suspended {
  /** It was given up meanwhile: nobody would release it if it was taken back. */
  readonly abandoned: boolean;
  /** The wait has ended; `taken`: this isolate has the lock again. */
  resume(taken: boolean): void;
}

/**
 * A lock's state in the region, as this isolate sees it: a word with the holder's number. As long as nobody waits, it is
 * taken and released by one compare-exchange here.
 */
export class LockState {
  readonly block: number;
  /** The holder's word is at `words[at]`. The views of a time before the region grew stay valid. */
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #me: number;
  readonly #line: WaitingLine;
  /** The holder before this one died: what the lock guards is to be mended. Until the next release. */
  recovered = false;

  constructor(block: number) {
    this.block = block;
    this.#me = ready();
    this.#words = memory.i32;
    this.#at = fieldOf(block, ObjectLayout.word) / 4;
    this.#line = new WaitingLine({ tidy: true, leave: () => native.lockLeave(block) });
  }

  /** The number of the isolate that holds the lock, 0 if nobody does. */
  get holder(): number {
    return (Atomics.load(this.#words, this.#at) & ~WAITED) >>> 0;
  }

  get heldHere(): boolean {
    return this.holder === this.#me;
  }

  /** Who holds it, for people. */
  describe(): string {
    const { holder } = this;
    if (holder === 0) return 'free';
    if (holder === this.#me) return 'held by this thread';
    return native.contextAlive(holder) ? 'held by another thread' : 'its holder has died';
  }

  /** Takes the lock if it is free and nobody waits for it. */
  take(): boolean {
    if (Atomics.compareExchange(this.#words, this.#at, 0, this.#me) !== 0) return false;
    this.recovered = false;
    return true;
  }

  /** @throws OwnerDiedError if the holder has died */
  tryAcquire(): boolean {
    if (this.take()) return true;
    const { holder } = this;
    if (holder !== 0 && !native.contextAlive(holder)) throw ownerDied();
    return false;
  }

  async acquire({ recover = false, ...limits }: AcquireOptions): Promise<boolean> {
    limits.signal?.throwIfAborted();
    if (this.take()) return true;
    return (await this.#line.wait((others) => this.#look(recover, others), limits)) !== timedOut;
  }

  acquireSync({ recover = false, ...limits }: AcquireOptions): boolean {
    limits.signal?.throwIfAborted();
    if (this.take()) return true;
    if (limits.timeout === undefined && this.heldHere) {
      throw new DeadlockError(
        'This thread holds the lock itself, and would wait for ever; to wait for another thread, use an Event or a Semaphore',
      );
    }
    return blockThread(this.#line, (others) => this.#look(recover, others), limits) === true;
  }

  #look(recover: boolean, others: boolean): true | undefined {
    const found = native.lockLook(this.block, recover, others);
    if (found === Look.sleep) return undefined;
    if (found === Look.ownerDied) throw ownerDied();
    this.recovered = found === Look.recovered;
    return true;
  }

  /**
   * Calls `run` with the lock of a holder that has died, and leaves the lock as it was, to be recovered. False: it was not
   * so any more.
   */
  asHeir(run: () => void): boolean {
    const { holder } = this;
    const found = native.lockLook(this.block, true, this.#line.length > 0);
    if (found === Look.sleep) {
      if (this.#line.length === 0) native.lockLeave(this.block);
      return false;
    }
    if (found !== Look.recovered) {
      this.release();
      return false;
    }
    try {
      run();
    } finally {
      if (native.lockPutBack(this.block, holder)) this.#line.look();
    }
    return true;
  }

  /** Frees the lock if this isolate holds it still: a guard must not free what was lost and is another's by now. */
  releaseOwn(): void {
    if (this.heldHere) this.release();
  }

  /** Frees the lock, whoever holds it. @throws StateError if nobody does */
  release(): void {
    if (Atomics.compareExchange(this.#words, this.#at, this.#me, 0) === this.#me) return;
    const released = native.lockRelease(this.block);
    if (released === Released.notHeld) throw new StateError('The lock is released, but nobody holds it');
    if (released === Released.ownTurn) this.#line.look();
  }
}

/** The error of who meets a lock whose holder has died. */
function ownerDied(): OwnerDiedError {
  return new OwnerDiedError(
    'The holder of the lock died, and what it guards may be half done; acquire it with `{ recover: true }` to mend that',
  );
}
