import { inspect } from 'node:util';
import { block as blockThread, mustHaveHope } from '../internal/blocking.js';
import { expected } from '../internal/describe.js';
import { BrokenBarrierError } from '../internal/errors.js';
import { memory } from '../internal/memory.js';
import { native } from '../internal/native.js';
import { type Checks, integerFrom, ofType, optionsOf, time } from '../internal/options/checks.js';
import { ready } from '../internal/ready.js';
import { timedOut, WaitingLine, type WaitLimits } from '../internal/waiting.js';
import type { WaitOptions } from '../pool/options.js';
import { wire } from '../queues/wire.js';
import {
  constantOf,
  createObject,
  fieldOf,
  ObjectKind,
  ObjectLayout,
  Opened,
  onOpen,
  SharedObject,
} from '../shared/objects.js';
import { startWait } from './options.js';

/** What `barrierArrive` answers, besides how many arrived before. */
const Arrival = { waits: 0, acts: 1, passes: 2, notYet: 3 } as const;
/** What looking at a barrier answers. */
const Look = { sleep: 0, passes: 1, broken: 2 } as const;

const MAX_PARTIES = 2 ** 28 - 1;

/** Options of a {@link Barrier}. */
export interface BarrierOptions {
  /** Called in one of the threads of each round, before all pass. If it throws, the barrier breaks. */
  action?: () => unknown;
  /** How long a `wait` lasts that names no time of its own, in milliseconds. @default for ever */
  timeout?: number;
}

const barrierChecks: Checks = { action: ofType('function'), timeout: time };
const partiesCheck = integerFrom(1);

/** One arrival: before others it is outside, then inside, until the round is over. */
interface Visit {
  index: number | undefined;
  /** It is the one that runs the action. */
  acts: boolean;
}

/**
 * A place where threads wait for each other: when as many have come as the barrier is made for, all go on, and the next
 * round begins. If one of them gives up, dies, or aborts the barrier, it breaks, and all that wait or come get
 * {@link BrokenBarrierError}, until it is reset.
 *
 * Python: `multiprocessing.Barrier`.
 * @example
 * const barrier = new Barrier(4);
 * const work = async (barrier) => {
 *   prepare();
 *   await barrier.wait(); // nobody goes on before all are prepared
 * };
 */
export class Barrier extends SharedObject {
  readonly #line: WaitingLine;
  /** Byte offset of the word that counts how many of this isolate are inside. */
  readonly #cell: number;
  readonly #timeout: number | undefined;
  #action: (() => unknown) | undefined;

  /**
   * @param parties how many make a round: an integer from 1 up
   * @throws TypeError, RangeError if `parties` or an option is not what it must be
   */
  constructor(parties: number, options?: BarrierOptions);
  /** @internal */
  constructor(from: Opened);
  constructor(from: number | Opened, options?: BarrierOptions) {
    super(from instanceof Opened ? from.block : makeBarrier(from, options));
    const block = this.objectBlock;
    this.#line = new WaitingLine({ all: true, leave: () => native.barrierWithdraw(block) });
    this.#cell = native.cell(block);
    const timeout = memory.f64[fieldOf(block, ObjectLayout.state) / 8];
    this.#timeout = timeout === Number.POSITIVE_INFINITY ? undefined : timeout;
    this.#action = options?.action;
  }

  /** How many make a round. */
  get parties(): number {
    return constantOf(this.objectBlock, ObjectLayout.a);
  }

  /** How many wait now. Python: `n_waiting`. */
  get nWaiting(): number {
    return native.barrierWaiting(this.objectBlock);
  }

  /** Whether the barrier is broken. */
  get broken(): boolean {
    return native.barrierBroken(this.objectBlock);
  }

  /**
   * Waits until all have come. Gives a number from 0 to `parties` − 1, another to each: as many as came before.
   *
   * Python: `wait(timeout=None)`.
   * @throws BrokenBarrierError if the barrier is broken or breaks; so it does when the time is up, for all. While the
   * action runs nobody is missing any more, and the time does not count
   * @throws the signal's reason when it fires: that breaks the barrier for the others
   * @throws what the action throws, in the thread that runs it
   */
  async wait(options?: WaitOptions): Promise<number> {
    const limits = this.#limits(options);
    const visit: Visit = { index: undefined, acts: false };
    let end: number;
    try {
      const look = (others: boolean): number | undefined => this.#look(visit, others);
      const first = await this.#line.wait(look, limits);
      const { timeout: _, ...patient } = limits;
      end = first !== timedOut ? first : (this.#late(visit) ?? ((await this.#line.wait(look, patient)) as number));
    } catch (reason) {
      this.#giveUp(visit);
      throw reason;
    }
    if (!visit.acts) return end;
    let done = false;
    try {
      await this.#act();
      done = true;
    } finally {
      this.#finish(done);
    }
    return end;
  }

  /**
   * As {@link wait}, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile.
   * @throws DeadlockError if no other thread has the barrier, so that the others could not come, and there is no timeout
   */
  waitSync(options?: WaitOptions): number {
    const limits = this.#limits(options);
    const missing = this.parties - this.nWaiting - 1;
    const why = 'No other thread has this barrier: nobody else could come while this one waits';
    if (missing > 0) mustHaveHope(this.objectBlock, limits, why);
    const visit: Visit = { index: undefined, acts: false };
    let end: number;
    try {
      const look = (others: boolean): number | undefined => this.#look(visit, others);
      const patient = (): number => blockThread(this.#line, look, {}) as number;
      end = blockThread(this.#line, look, limits) ?? this.#late(visit) ?? patient();
    } catch (reason) {
      this.#giveUp(visit);
      throw reason;
    }
    if (!visit.acts) return end;
    let done = false;
    try {
      this.#act();
      done = true;
    } finally {
      this.#finish(done);
    }
    return end;
  }

  /** Breaks the barrier: all that wait, and all that come, get {@link BrokenBarrierError}, until it is reset. */
  abort(): void {
    native.barrierAbort(this.objectBlock);
    this.#line.look();
  }

  /** Makes the barrier as new. Who waits gets {@link BrokenBarrierError}. */
  reset(): void {
    native.barrierReset(this.objectBlock);
    this.#line.look();
  }

  #limits(options: WaitOptions | undefined): WaitLimits {
    const { timeout = this.#timeout, signal } = startWait(options);
    return { ...(timeout === undefined ? {} : { timeout }), ...(signal === undefined ? {} : { signal }) };
  }

  /** Arrives, or looks whether the round is over: its index when it may go on. */
  #look(visit: Visit, others: boolean): number | undefined {
    const block = this.objectBlock;
    if (visit.index !== undefined) {
      const look = native.barrierLook(block, this.#cell, others);
      if (look === Look.sleep) return undefined;
      if (look === Look.passes) return visit.index;
      visit.index = undefined;
      throw broken();
    }
    const arrival = native.barrierArrive(block, this.#cell, this.#hasAction, others);
    const index = arrival >>> 3;
    switch (arrival & 7) {
      case Arrival.waits:
        visit.index = index;
        return undefined;
      case Arrival.acts:
        visit.acts = true;
        return index;
      case Arrival.passes:
        // The others of this isolate pass, too.
        queueMicrotask(() => this.#line.look());
        return index;
      case Arrival.notYet:
        return undefined;
      default:
        throw broken();
    }
  }

  /** The time is up, unless the round was over by then. Undefined: all have come, and it ends with the action. */
  #late(visit: Visit): number | undefined {
    const { index } = visit;
    const left = this.#leave(visit, true);
    if (left === Look.passes) return index;
    if (left === Look.sleep) return undefined;
    throw broken();
  }

  /** Leaves, whatever the others do: that breaks the barrier, unless the round was over. */
  #giveUp(visit: Visit): void {
    this.#leave(visit, false);
  }

  #leave(visit: Visit, patient: boolean): number {
    if (visit.index === undefined) {
      if (this.#line.length === 0) native.barrierWithdraw(this.objectBlock);
      return Look.broken;
    }
    const left = native.barrierLeave(this.objectBlock, this.#cell, patient, this.#line.length > 0);
    if (left === Look.sleep) return left;
    visit.index = undefined;
    this.#line.look();
    return left;
  }

  get #hasAction(): boolean {
    return constantOf(this.objectBlock, ObjectLayout.b) > 0;
  }

  #act(): unknown {
    if (this.#action === undefined) {
      const bytes = constantOf(this.objectBlock, ObjectLayout.b);
      this.#action = wire.decode(fieldOf(this.objectBlock, ObjectLayout.data), bytes) as () => unknown;
    }
    return this.#action();
  }

  #finish(done: boolean): void {
    const look = native.barrierFinish(this.objectBlock, this.#cell, done, this.#line.length > 0);
    this.#line.look();
    if (done && look !== Look.passes) throw broken();
  }

  [inspect.custom](): string {
    const state = this.broken ? 'broken' : `${this.nWaiting} of ${this.parties} wait`;
    return `Barrier {${state}}`;
  }
}

function makeBarrier(parties: unknown, given: BarrierOptions = {}): number {
  const most = partiesCheck(parties, 'parties') as number;
  if (most > MAX_PARTIES) throw new RangeError(expected('parties', `at most ${MAX_PARTIES}`, parties));
  const { action, timeout = Number.POSITIVE_INFINITY } = optionsOf<BarrierOptions>(given, barrierChecks);
  // Encoding needs the addon, too.
  ready();
  const message = action === undefined ? undefined : wire.encode(action, 'action');
  const size = ObjectLayout.data + (message?.length ?? 0);
  const block = createObject(ObjectKind.barrier, [most, message?.length ?? 0, 0], size);
  memory.u32[fieldOf(block, ObjectLayout.aside) / 4] = most;
  memory.f64[fieldOf(block, ObjectLayout.state) / 8] = timeout;
  if (message !== undefined) memory.u8.set(message, fieldOf(block, ObjectLayout.data));
  return block;
}

const broken = (): BrokenBarrierError => new BrokenBarrierError('The barrier is broken');

onOpen(ObjectKind.barrier, (block) => new Barrier(new Opened(block)));
