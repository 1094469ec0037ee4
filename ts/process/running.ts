import { TimeoutError, WorkerLostError } from '../internal/errors.js';
import { blockOf } from '../internal/handles.js';
import { ready } from '../internal/ready.js';
import type { SelfFacts } from '../internal/self.js';
import { logPath } from '../internal/stdio.js';
import type { WaitLimits } from '../internal/waiting.js';
import type { Connection } from '../queues/connection.js';
import { Channel, channelEnds, type Message, type Receiver } from './channel.js';
import type { Destination } from './child.js';
import { children } from './children.js';
import type { Ending, Launch, Launched, Launcher } from './launcher.js';
import type { ProcessInfo } from './options.js';
import type { Pending } from './outcome.js';
import type { Home } from './subclass.js';
import { printFailure } from './traceback.js';

/** So long a child that was terminated may clean up, in milliseconds, where somebody has to see to its end. */
export const GRACE_MS = 1000;

/** What a child is to do, and as whom. */
export interface Order {
  readonly facts: SelfFacts;
  readonly launch: Omit<Launch, 'channel' | 'self'>;
  readonly target: unknown;
  readonly args: readonly unknown[];
  /** Where its class is found, if that is a subclass. */
  readonly home: Home | undefined;
  /** The object's own fields. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Answers the path of the file that its output goes to. */
  readonly file: ((process: ProcessInfo) => string) | undefined;
  /** In milliseconds. */
  readonly timeout: number;
}

/** What a child's owner waits for. */
export interface Outcomes {
  readonly exited: Pending<number>;
  readonly result: Pending<unknown>;
}

/** Why a child is made to end. */
export interface Farewell {
  readonly exitCode: number;
  readonly signal: string;
  readonly reason: string;
  /** What `result` rejects with in place of WorkerLostError. */
  readonly error?: Error;
}

/** A child, from its start until it has ended: the parent's side. */
export class Running implements Receiver {
  readonly name: string;
  readonly daemon: boolean;
  readonly launched: Launched;
  readonly #outcomes: Outcomes;
  readonly #channel: Channel;
  /** The child's end, which this isolate keeps until the child has opened it. */
  #theirs: Connection | undefined;
  #farewell: Farewell | undefined;
  /** What the child said that its exit code will be. */
  #leaves: number | undefined;
  #exitCode: number | undefined;
  #handlesInterrupt = false;
  /** The child has printed its failure. */
  #told = false;
  #forgetTimeout: (() => void) | undefined;

  /**
   * Starts a child.
   * @throws SerializationError if something that it is given cannot be sent; what the launcher throws
   */
  constructor(launcher: Launcher, order: Order, outcomes: Outcomes) {
    this.name = order.facts.name;
    this.daemon = order.facts.daemon;
    this.#outcomes = outcomes;
    ready();
    const [ours, theirs] = channelEnds();
    const preparation = launcher.prepare();
    this.#channel = new Channel(ours, this, preparation.beside);
    this.#theirs = theirs;
    let launched: Launched | undefined;
    try {
      this.#channel.sendWith(['target'], order.target, 'target');
      this.#channel.sendWith(['args'], order.args, 'args');
      this.#channel.sendWith(['fields'], order.fields, 'this');
      launched = preparation.launch({ ...order.launch, self: order.facts, channel: blockOf(theirs) });
      const { pid, threadId } = launched;
      const path = order.file === undefined ? undefined : logPath(order.file, { name: this.name, pid, threadId });
      const destination: Destination = { piped: order.launch.piped, path };
      this.#channel.send(['start', order.home, destination, outcomes.result.outcome.read]);
    } catch (error) {
      launched?.kill();
      launched?.dispose();
      this.#letGo();
      throw error;
    }
    this.launched = launched;
    children.add(this);
    this.#watch(order.timeout);
  }

  #watch(timeout: number): void {
    if (timeout !== Number.POSITIVE_INFINITY) {
      const error = new TimeoutError(`Process ${this.name} has not ended within ${timeout} ms`);
      const late: Farewell = { exitCode: -15, signal: 'SIGTERM', reason: 'timed out', error };
      this.#forgetTimeout = children.agenda.in(timeout, () => this.#endLate(late));
    }
    const { outcome } = this.#outcomes.result;
    outcome.onRead = () => this.#tellRead();
    this.#channel.listen();
    void this.launched.ended.then((ending) => this.#ended(ending));
  }

  /** Its time is up. A process that handles SIGTERM has a while to do so. */
  #endLate(late: Farewell): void {
    this.terminate(late);
    if (this.#exitCode === undefined) this.#forgetTimeout = children.agenda.in(GRACE_MS, () => this.kill(late));
  }

  /** Somebody waits for the result: the child need not print its failure. */
  #tellRead(): void {
    if (this.#exitCode !== undefined) return;
    try {
      this.#channel.send(['read']);
    } catch {
      // There is no memory for the message: it prints.
    }
  }

  /** Whether somebody waits for its result or its end. */
  get awaited(): boolean {
    const { exited, result } = this.#outcomes;
    return exited.outcome.read || (result.open && result.outcome.read);
  }

  /** Its exit code, once it has ended: looks now, whatever the event loop knows. */
  poll(): number | undefined {
    if (this.#exitCode !== undefined) return this.#exitCode;
    this.#channel.poll();
    const begun = this.#theirs === undefined;
    const stage = this.#channel.over ? 'over' : begun ? 'running' : 'starting';
    const ending = this.launched.pollEnd(stage);
    if (ending !== undefined) this.#ended(ending);
    return this.#exitCode;
  }

  /** Blocks the thread until the child has ended, or the time is up. */
  block(limits: WaitLimits): void {
    if (this.poll() === undefined) this.#channel.block(() => this.poll(), limits);
  }

  terminate(farewell: Farewell): void {
    if (!this.#bid(farewell)) return;
    this.launched.terminate();
  }

  kill(farewell: Farewell): void {
    if (!this.#bid(farewell)) return;
    this.launched.kill();
  }

  interrupt(farewell: Farewell): void {
    if (this.#exitCode !== undefined) return;
    this.#channel.poll();
    if (this.#handlesInterrupt && !this.launched.getsSignals) {
      this.#channel.send(['interrupt']);
      return;
    }
    if (!this.#handlesInterrupt) {
      this.#farewell ??= farewell;
      // A call that Ctrl+C ends does not wait for the child's end.
      if (farewell.error !== undefined) this.#outcomes.result.reject(farewell.error);
    }
    // A terminal may have ended it already.
    if (this.poll() === undefined) this.launched.interrupt();
  }

  /** False: it has ended already. */
  #bid(farewell: Farewell): boolean {
    if (this.poll() !== undefined) return false;
    this.#farewell ??= farewell;
    return true;
  }

  // ------------------------------------------------------------------------------------- from the child

  message([kind, a]: Message, payload: unknown): void {
    if (kind === 'hello') this.#opened();
    else if (kind === 'value') this.#outcomes.result.resolve(payload);
    else if (kind === 'unsendable') this.#outcomes.result.reject(payload);
    else if (kind === 'error') this.#failed(payload, a as boolean);
    else if (kind === 'leaves') this.#leaves = a as number;
    else if (kind === 'handles') this.#handlesInterrupt = a as boolean;
  }

  unreadable(error: unknown): void {
    this.#outcomes.result.reject(error);
  }

  hungUp(): void {}

  /** The child has opened its end: from here on only the child holds that, and its death is seen. */
  #opened(): void {
    this.#theirs?.close();
    this.#theirs = undefined;
  }

  #failed(error: unknown, told: boolean): void {
    this.#told ||= told;
    this.#outcomes.result.reject(error);
  }

  // ---------------------------------------------------------------------------------------- the end

  #ended(ending: Ending): void {
    if (this.#exitCode !== undefined) return;
    // What it said last.
    this.#channel.poll();
    // Of a thread Node tells less than is known here.
    const known = this.launched.getsSignals ? undefined : (this.#leaves ?? this.#farewell?.exitCode);
    const exitCode = known ?? ending.exitCode;
    this.#exitCode = exitCode;
    this.#forgetTimeout?.();
    const { exited, result } = this.#outcomes;
    if (result.open) result.reject(this.#lost(exitCode, ending));
    exited.resolve(exitCode);
    this.launched.dispose();
    this.#letGo();
    children.remove(this);
  }

  /** Why there is no result. */
  #lost(exitCode: number, ending: Ending): unknown {
    const farewell = this.#leaves === undefined ? this.#farewell : undefined;
    if (farewell?.error !== undefined) return this.#tell(farewell.error);
    if (this.#leaves === undefined && farewell === undefined && ending.error !== undefined) {
      return this.#tell(ending.error);
    }
    const reason = farewell?.reason ?? (this.#leaves === undefined ? ending.reason : `exit code ${exitCode}`);
    const error = new WorkerLostError(`Process ${this.name} ended before its target returned: ${reason}`, {
      exitCode,
      signal: ending.signal ?? farewell?.signal ?? null,
      reason,
    });
    return farewell === undefined && this.#leaves === undefined ? this.#tell(error) : error;
  }

  /** A failure that the child could not print is printed here, unless somebody reads it. */
  #tell<E>(error: E): E {
    const { outcome } = this.#outcomes.result;
    // Whoever reads it does so by the next turn of the event loop.
    setImmediate(() => {
      if (!this.#told && !outcome.read) printFailure(this.name, error);
    });
    return error;
  }

  #letGo(): void {
    this.#channel.close();
    this.#theirs?.close();
    this.#theirs = undefined;
  }
}
