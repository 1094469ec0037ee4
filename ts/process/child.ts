import { closeSync, openSync } from 'node:fs';
import { inspect } from 'node:util';
import { watchEnd } from '../internal/ending.js';
import type { AnyFunction } from '../internal/functions/definition.js';
import { getLogger } from '../internal/logging.js';
import { native, useNative } from '../internal/native.js';
import { Output } from '../internal/output.js';
import { ready } from '../internal/ready.js';
import { self } from '../internal/self.js';
import type { Connection } from '../queues/connection.js';
import type { Beside } from '../queues/wire.js';
import { openHandle } from '../shared/objects.js';
import { asTransfer } from '../transfer.js';
import { Channel, type Message, type Receiver } from './channel.js';
import { nothing } from './child-launcher.js';
import { becomeCurrent } from './current.js';
import type { Bootstrap } from './launcher.js';
import { Own, Process } from './process.js';
import { classAt, type Home } from './subclass.js';
import { traceback } from './traceback.js';

/** How the program of a child knows its surroundings: what differs between threads and processes of their own. */
export interface Surroundings {
  readonly bootstrap: Bootstrap;
  /** Takes what bytes cannot carry. Absent: nothing can, between processes. */
  readonly beside: Beside | undefined;
}

/** Runs a process's target in this isolate, which was started for it. */
export function runChild({ bootstrap, beside }: Surroundings): void {
  useNative(bootstrap.addon);
  ready();
  const end = openHandle(bootstrap.channel) as Connection | undefined;
  // Its parent has ended meanwhile.
  if (end === undefined) process.exit(1);
  void new Child(end, beside ?? nothing).run();
}

/** Where what the child prints goes: to the parent's streams, to a file, or to where the parent prints. */
export interface Destination {
  readonly piped: boolean;
  readonly path?: string | undefined;
}

/** A child: its own side. */
class Child implements Receiver {
  readonly #channel: Channel;
  #target: AnyFunction | undefined;
  #args: readonly unknown[] = [];
  #fields: Readonly<Record<string, unknown>> = {};
  #home: Home | undefined;
  #started = false;
  /** It cannot do what it was started for: this is why. */
  #hindered: { readonly error: unknown } | undefined;
  /** Somebody waits for its result: they will have the error. */
  #isRead = false;
  #reported = false;
  #left = false;
  #piped = false;
  #output: Output | undefined;
  #file: number | undefined;
  #parentEnded!: () => void;
  readonly #parentEnd = new Promise<void>((resolve) => {
    this.#parentEnded = resolve;
  });

  constructor(end: Connection, beside: Beside) {
    this.#channel = new Channel(end, this, beside);
    this.#channel.send(['hello']);
    // All of it is there, or will be in a moment.
    this.#channel.block(() => (this.#started || this.#channel.over ? true : undefined), {});
    if (!this.#started) process.exit(1);
  }

  async run(): Promise<void> {
    this.#watch();
    this.#channel.listen();
    let value: unknown;
    try {
      if (this.#hindered !== undefined) throw this.#hindered.error;
      const made = await this.#make();
      getLogger().info('child process calling run()');
      value = await made.run();
    } catch (error) {
      this.#report(error);
      process.exit(1);
    }
    this.#output?.flush();
    this.#deliver(value);
  }

  /** The object that the parent has, as this process itself. */
  async #make(): Promise<Process> {
    const C = this.#home === undefined ? Process : await classAt(this.#home, Process);
    const own = new Own(this.#target, this.#args);
    const made = Reflect.construct(Process, [own], C) as Process;
    for (const [key, value] of Object.entries(this.#fields)) {
      Object.defineProperty(made, key, { value, writable: true, enumerable: true, configurable: true });
    }
    becomeCurrent(made, {
      ended: () => {
        this.#channel.poll();
        return this.#channel.over;
      },
      end: this.#parentEnd,
    });
    return made;
  }

  #deliver(result: unknown): void {
    const value = asTransfer(result)?.value ?? result;
    try {
      this.#channel.sendWith(['value'], value, 'result');
    } catch (error) {
      try {
        this.#channel.sendWith(['unsendable'], error, 'error');
      } catch {
        // There is no memory for that either: the parent is told when this process ends.
      }
    }
  }

  // ------------------------------------------------------------------------------------ from the parent

  message([kind, ...more]: Message, payload: unknown): void {
    if (kind === 'target') this.#target = payload as AnyFunction | undefined;
    else if (kind === 'args') this.#args = payload as unknown[];
    else if (kind === 'fields') this.#fields = payload as Record<string, unknown>;
    else if (kind === 'start') this.#start(...(more as [Home | undefined, Destination, boolean]));
    else if (kind === 'read') this.#isRead = true;
    else if (kind === 'interrupt') setImmediate(() => (process as NodeJS.EventEmitter).emit('SIGINT', 'SIGINT', 2));
  }

  unreadable(error: unknown): void {
    this.#hindered ??= { error };
  }

  hungUp(): void {
    this.#parentEnded();
    // A thread is ended by Node at the same moment.
    if (this.#started) setImmediate(() => process.exit(1));
  }

  #start(home: Home | undefined, { piped, path }: Destination, isRead: boolean): void {
    this.#started = true;
    this.#home = home;
    this.#isRead = isRead;
    this.#piped = piped;
    try {
      if (path !== undefined) this.#file = openSync(path, 'a');
    } catch (error) {
      this.#hindered ??= { error };
    }
  }

  // --------------------------------------------------------------------------------------------- the end

  #watch(): void {
    if (!this.#piped) {
      this.#output = this.#file === undefined ? new Output() : new Output([this.#file, this.#file]);
      this.#output.install();
    }
    watchEnd({
      left: (code) => this.#leave(code),
      threw: (error) => {
        this.#report(error);
        process.exit(1);
      },
    });
    const { exit } = process;
    process.exit = (code) => exit.call(process, this.#exitCodeOf(code));
    // The end of a process that has nothing left to do. What listens before this has set its exit code by then.
    const last = (code: number): void => this.#leave(Number(process.exitCode ?? code));
    process.on('beforeExit', () => {
      process.off('exit', last);
      process.on('exit', last);
    });
    this.#watchHandlers();
  }

  /** The parent wants to know whether there is a handler of SIGINT, which a thread never gets from the system. */
  #watchHandlers(): void {
    const tell = (handled: boolean) => (name: string | symbol) => {
      if (name === 'SIGINT') this.#channel.send(['handles', handled || process.listenerCount('SIGINT') > 0]);
    };
    process.on('newListener', tell(true));
    process.on('removeListener', tell(false));
  }

  #leave(code: number): void {
    if (!this.#left) getLogger().info('process exiting with exitCode %d', code);
    this.#left = true;
    this.#output?.flush();
    this.#channel.send(['leaves', code]);
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Tells of an error that nobody caught: the parent, and whoever looks at standard error. */
  #report(error: unknown): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#channel.poll();
    this.#output?.flush();
    const print = !this.#isRead;
    if (print) this.#print(traceback(self().name, error));
    try {
      this.#channel.sendWith(['error', print], error, 'error');
    } catch {
      // There is no memory for it: the parent has the exit code.
    }
  }

  /** Writes to standard error, wherever that is, as one whole. */
  #print(text: string): void {
    if (this.#piped) process.stderr.write(text);
    else native.writeLines(this.#file ?? 2, Buffer.from(text));
  }

  /** As Python's `sys.exit`: what is no code is printed, and the code is 1. */
  #exitCodeOf(code: unknown): number | string | null | undefined {
    if (code === undefined || code === null || typeof code === 'number') return code;
    if (typeof code === 'boolean') return code ? 1 : 0;
    if (typeof code === 'string' && code !== '' && Number.isInteger(Number(code))) return code;
    const text = typeof code === 'string' ? code : inspect(code);
    this.#print(`${text}\n`);
    return 1;
  }
}
