import { inspect } from 'node:util';
import { threadId } from 'node:worker_threads';
import { expected } from '../internal/describe.js';
import { SerializationError, StateError } from '../internal/errors.js';
import { mustRunProgram } from '../internal/exec-argv.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { describeKey } from '../internal/handles.js';
import { defineLate } from '../internal/late.js';
import { loadNative } from '../internal/load-native.js';
import { getLogger } from '../internal/logging.js';
import { mustNotBeLoading } from '../internal/module-guard.js';
import { authkey, factsFor, type Identity, nextIdentity, type StartMethod, self } from '../internal/self.js';
import type { WaitOptions } from '../pool/options.js';
import { endKey, limit } from '../queues/wait.js';
import { refuseClones } from '../shared/objects.js';
import { startWait } from '../sync/options.js';
import { children, INTERRUPTED } from './children.js';
import { launcherOf } from './launchers.js';
import { type CheckedOptions, type ProcessOptions, processOptions } from './options.js';
import { Pending } from './outcome.js';
import { type Farewell, GRACE_MS, Running } from './running.js';
import { homeOf } from './subclass.js';

const TERMINATED: Farewell = { exitCode: -15, signal: 'SIGTERM', reason: 'terminated' };
const KILLED: Farewell = { exitCode: -9, signal: 'SIGKILL', reason: 'killed' };

/** What the constructor is given for the process that runs this code. */
export class Own {
  readonly #given: Pick<CheckedOptions, 'target' | 'args'>;

  constructor(target?: AnyFunction, args?: readonly unknown[]) {
    this.#given = { target, args };
  }

  /** What takes the place of options. */
  get given(): Pick<CheckedOptions, 'target' | 'args'> {
    return this.#given;
  }
}

/** Classes of this package: what is made of them needs no class of the user's. */
const plain = new WeakSet<object>();

/**
 * `C` adds nothing to `Process` that a child would have to know. Its name, which names of processes begin with, is spelled
 * out, so that a bundler that renames classes does no harm.
 */
export function declarePlain<C extends object>(C: C, name: string): C {
  plain.add(C);
  return Object.defineProperty(C, 'name', { value: name, configurable: true });
}

/**
 * A process of its own: a worker thread (`'thread'`, the default), or a child process on the same shared memory (`'spawn'`).
 * It ends when its target has returned and nothing is left to do for its event loop.
 *
 * A subclass that overrides `run` must be exported from a module. The new process imports that module, makes an object of
 * the class without calling the constructor, and gives it the object's own fields; private fields (`#x`) do not travel.
 *
 * An error that nobody catches in it ends it with exit code 1, and is printed to standard error behind its name, unless
 * somebody waits for `result`.
 *
 * Python: `multiprocessing.Process`.
 * @example
 * const child = new Process({ target: (name) => `hello ${name}`, args: ['bob'] });
 * child.start();
 * console.log(await child.result); // hello bob
 */
// biome-ignore lint/suspicious/noExplicitAny: only `any` stands for the parameters of every function
export class Process<A extends unknown[] = any[], R = unknown> implements AsyncDisposable {
  readonly #own: boolean;
  readonly #identity: Identity;
  readonly #options: Omit<CheckedOptions, 'target' | 'args'>;
  readonly #exited = new Pending<number>();
  readonly #result = new Pending<unknown>();
  #target: AnyFunction | undefined;
  #args: readonly unknown[];
  #name: string;
  #daemon: boolean;
  #authkey: Uint8Array | undefined;
  #running: Running | undefined;
  #exitCode: number | null = null;
  #closed = false;

  /**
   * @throws TypeError, RangeError for bad options
   */
  constructor(options?: ProcessOptions<A, R>);
  /** @internal */
  constructor(options?: ProcessOptions<A, R> | Own, method?: StartMethod);
  constructor(options?: ProcessOptions<A, R> | Own, method?: StartMethod) {
    this.#own = options instanceof Own;
    const given: CheckedOptions = options instanceof Own ? options.given : processOptions(options);
    const { target, args = [], ...checked } = given;
    this.#options = { ...checked, context: checked.context ?? method };
    this.#target = target;
    this.#args = args;
    this.#identity = this.#own ? self().identity : nextIdentity();
    this.#name = checked.name ?? `${new.target.name}-${this.#identity.join(':')}`;
    this.#daemon = checked.daemon ?? self().daemon;
    if (!this.#own) rememberOrigin(this.#target);
    refuseClones(this);
  }

  // --------------------------------------------------------------------------------------------- facts

  /** What it is called, in tracebacks and logs. It can be set before `start()`. */
  get name(): string {
    return this.#own ? self().name : this.#name;
  }

  set name(name: string) {
    if (typeof name !== 'string') throw new TypeError(expected('name', 'a string', name));
    if (this.#own) self().name = name;
    else this.#name = name;
  }

  /** Whether it ends with its parent, and does not keep Node alive. It can be set before `start()`. */
  get daemon(): boolean {
    return this.#own ? self().daemon : this.#daemon;
  }

  /** @throws StateError once it was started */
  set daemon(daemon: boolean) {
    if (typeof daemon !== 'boolean') throw new TypeError(expected('daemon', 'a boolean', daemon));
    if (this.#own || this.#running !== undefined) throw new StateError('The process has already started');
    this.#daemon = daemon;
  }

  /** The key with which processes of one family know each other, in managers and listeners. Inherited. */
  get authkey(): Uint8Array {
    return this.#own ? authkey() : (this.#authkey ?? authkey());
  }

  set authkey(key: Uint8Array) {
    if (!(key instanceof Uint8Array)) throw new TypeError(expected('authkey', 'a Uint8Array', key));
    const copy = Buffer.from(key);
    if (this.#own) self().authkey = copy;
    else this.#authkey = copy;
  }

  /** The operating system's number of the process that it runs in: for a thread, that of its parent. Null before `start()`. */
  get pid(): number | null {
    this.#mustBeOpen();
    return this.#own ? process.pid : (this.#running?.launched.pid ?? null);
  }

  /** The number of its thread, as in `node:worker_threads`; 0 for the main thread of a process. Null before `start()`. */
  get threadId(): number | null {
    this.#mustBeOpen();
    return this.#own ? threadId : (this.#running?.launched.threadId ?? null);
  }

  /** What tells it from others: the number of its thread or, where that is 0, of its process. Null before `start()`. */
  get ident(): number | null {
    return this.threadId || this.pid;
  }

  /**
   * Null until it has ended. 0: it ended by itself; `n`: by `process.exit(n)`; 1: by an error that nobody caught; −15, −9 and
   * −2: it was terminated, killed, interrupted.
   *
   * Python: `exitcode`.
   */
  get exitCode(): number | null {
    this.#mustBeOpen();
    return this.#poll();
  }

  /**
   * The value that the target (or `run`) returned, or its error.
   *
   * It rejects with WorkerLostError if the process ended before that, with TimeoutError after `timeout`, and with
   * SerializationError for a value that cannot be sent.
   *
   * Beyond Python, where a queue would have to bring it.
   */
  get result(): Promise<Awaited<R>> {
    return this.#result.outcome as Promise<Awaited<R>>;
  }

  /** Resolves with the exit code when it has ended. */
  get exited(): Promise<number> {
    return this.#exited.outcome;
  }

  /**
   * As `exited`, for `wait()`.
   *
   * Python: `sentinel`, a number that `connection.wait` takes.
   * @throws StateError before `start()`
   */
  get sentinel(): Promise<number> {
    this.#mustHaveStarted('has no sentinel');
    return this.exited;
  }

  /** @internal */
  get [endKey](): Promise<number> {
    return this.sentinel;
  }

  /** What it prints, with `stdio: 'pipe'`; else null. */
  get stdout(): NodeJS.ReadableStream | null {
    return this.#running?.launched.stdout ?? null;
  }

  /** What it prints to standard error, with `stdio: 'pipe'`; else null. */
  get stderr(): NodeJS.ReadableStream | null {
    return this.#running?.launched.stderr ?? null;
  }

  // --------------------------------------------------------------------------------------------- doing

  /** What the process does: calls `target` with `args`. Override it in a subclass. Python: `run()`. */
  run(): unknown {
    return this.#target?.(...this.#args);
  }

  /**
   * Starts it.
   * @throws StateError if it was started before, while a child imports this module, and where its start method cannot start
   * anything; ProcessError if the system cannot start it now, with the system's error as its `cause`; SerializationError if the target, an argument or a field cannot be sent; RangeError for flags in `execArgv` with
   * which a child process would not run its own program
   */
  start(): this {
    this.#mustBeOpen();
    if (this.#own) throw new StateError('The process runs already: it is the one that runs this code');
    if (this.#running !== undefined) throw new StateError('A process can be started only once');
    mustNotBeLoading('Process');
    const method = this.#options.context ?? self().method;
    const { env, execArgv, resourceLimits, timeout, stdio } = this.#options;
    if (method === 'spawn') mustRunProgram(execArgv);
    const launcher = launcherOf(method);
    loadNative();
    const running = new Running(
      launcher,
      {
        facts: {
          ...factsFor(this.#name, this.#identity, method, threadId),
          daemon: this.#daemon,
          authkey: this.authkey,
        },
        launch: { name: this.#name, piped: stdio === 'pipe', env, execArgv, resourceLimits },
        target: this.#target,
        args: this.#args,
        home: plain.has(this.constructor) ? undefined : homeOf(this.constructor as typeof Process),
        fields: Object.fromEntries(Object.entries(this)),
        file: typeof stdio === 'object' ? stdio.file : undefined,
        timeout: timeout ?? Number.POSITIVE_INFINITY,
      },
      { exited: this.#exited, result: this.#result },
    );
    this.#running = running;
    getLogger().debug('process %s started', this.#name);
    active.add(this);
    for (const { outcome } of [this.#result, this.#exited]) outcome.comes();
    void this.#exited.outcome.watched().then(() => active.delete(this));
    // They may be large, and are not needed here any more.
    this.#target = undefined;
    this.#args = [];
    return this;
  }

  /**
   * Waits until it has ended, or `timeout` has passed: see `exitCode`.
   * @throws StateError before `start()`; the reason of an aborted `signal`
   */
  async join(options?: WaitOptions): Promise<void> {
    const running = this.#mustHaveStarted('cannot be joined');
    const { timeout, signal } = startWait(options);
    if (running.poll() !== undefined) return;
    const over = new AbortController();
    try {
      await children.joining((refused) => {
        return Promise.race([this.#exited.outcome.watched(), limit(timeout, signal, over.signal), refused]);
      });
    } finally {
      over.abort();
    }
  }

  /** As `join`, blocking the calling thread. A signal is looked at as the wait begins: it cannot fire meanwhile. */
  joinSync(options?: WaitOptions): void {
    this.#mustHaveStarted('cannot be joined').block(startWait(options));
  }

  /** Whether it was started and has not ended. */
  isAlive(): boolean {
    this.#mustBeOpen();
    return this.#own || (this.#running !== undefined && this.#poll() === null);
  }

  /** Ends it. What it has in hand is lost; `finally` and exit hooks of a thread do not run. Its children end with it. */
  terminate(): void {
    this.#mustHaveStarted('cannot be terminated').terminate(TERMINATED);
  }

  /** As `terminate`, with no way for the process to handle it. */
  kill(): void {
    this.#mustHaveStarted('cannot be killed').kill(KILLED);
  }

  /** As Ctrl+C does: a process with no handler of SIGINT ends. */
  interrupt(): void {
    this.#mustHaveStarted('cannot be interrupted').interrupt(INTERRUPTED);
  }

  /**
   * Lets go of it: nothing else can be asked of this object afterwards. More than once is fine.
   * @throws StateError while it is alive
   */
  close(): void {
    if (this.#closed) return;
    if (this.#own || (this.#running !== undefined && this.#poll() === null)) {
      throw new StateError('Cannot close a process while it is alive: join it first');
    }
    this.#closed = true;
    this.#running = undefined;
    // Of one that was never started; else they are settled.
    for (const pending of [this.#result, this.#exited]) {
      pending.reject(new StateError('The process was closed before it was started'));
    }
  }

  /** Terminates it if it is alive, kills it if it has not ended a second later, waits for its end, and closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.terminate();
      await this.join({ timeout: GRACE_MS });
      this.kill();
      await this.join();
    }
    this.close();
  }

  /** @internal */
  [describeKey](): never {
    throw new SerializationError('a Process belongs to the one that made it');
  }

  [inspect.custom](): string {
    if (this.#closed) return `<${this.constructor.name} name='${this.name}' closed>`;
    const code = this.#poll();
    const pid = this.pid === null ? '' : ` pid=${this.pid}`;
    const thread = this.threadId ? ` threadId=${this.threadId}` : '';
    const began = this.#running === undefined ? 'initial' : 'started';
    const state = code === null ? began : `stopped exitCode=${code}`;
    return `<${this.constructor.name} name='${this.name}'${pid}${thread} ${state}${this.daemon ? ' daemon' : ''}>`;
  }

  #poll(): number | null {
    this.#exitCode ??= this.#running?.poll() ?? null;
    return this.#exitCode;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StateError('The process object is closed');
  }

  #mustHaveStarted(what: string): Running {
    this.#mustBeOpen();
    if (this.#own) throw new StateError(`This process ${what}: it is the one that runs this code`);
    if (this.#running === undefined) throw new StateError(`The process has not been started: it ${what}`);
    return this.#running;
  }
}

/** A {@link Process} in a worker thread, whatever the start method is. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` stands for the parameters of every function
export class Thread<A extends unknown[] = any[], R = unknown> extends Process<A, R> {
  constructor(options?: Omit<ProcessOptions<A, R>, 'context'>) {
    if (options !== undefined && 'context' in options)
      throw new TypeError('Unknown option `context`: a Thread is a thread');
    super(options, 'thread');
  }
}

declarePlain(Process, 'Process');
declarePlain(Thread, 'Thread');

/** Those that this isolate started and that have not ended. */
const active = new Set<Process>();

/** The processes that this one has started and that are alive. Python: `multiprocessing.active_children()`. */
export function activeChildren(): Process[] {
  return [...active].filter((child) => child.isAlive());
}

/** Where a function's text stands is told by the caller's stack: it is looked at now. What cannot be sent fails at the start. */
function rememberOrigin(target: AnyFunction | undefined): void {
  if (target === undefined) return;
  try {
    defineLate(target);
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
  }
}
