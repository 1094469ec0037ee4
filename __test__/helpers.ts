import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Pool, type PoolOptions, RawArray, task } from 'manycore';
import { onTestFinished, type TestFunction, test } from 'vitest';

/** The same tests over child processes: MANYCORE_TEST_CONTEXT=spawn. */
const context = process.env.MANYCORE_TEST_CONTEXT as PoolOptions['context'];

/** Whether the workers of {@link makePool} are child processes. */
export const inChildren = context === 'spawn';

/** A pool that ends with the test that made it. */
export function makePool(options?: number | PoolOptions): Pool {
  const given = typeof options === 'number' ? { processes: options } : options;
  const pool = new Pool(context === undefined ? options : { context, ...given });
  onTestFinished(() => pool.terminate());
  return pool;
}

/** A test of what no child process can do, and why. Skipped where the pools of the tests are child processes. */
export function threadsOnly(why: string): (name: string, run: TestFunction) => void {
  return (name, run) => (inChildren ? test.skip(`${name} (no child process: ${why})`, run) : test(name, run));
}

/** The address of a file below `fixtures/`. */
export const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

/** A reference to an export of a task module below `fixtures/`. */
// biome-ignore lint/suspicious/noExplicitAny: fixtures in plain JavaScript have no types
export const ref = (file: string, name: string): ((...args: any[]) => any) => task(fixture(file), name);

/** Resolves after `ms` milliseconds. Used to let time pass, never to wait for something to have happened. */
export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Resolves when `condition` holds. Has no limit of its own: the test's watchdog ends what hangs. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

/** What `run` threw or what its promise was rejected with; a success is an error. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into errors of every kind
export async function failure(run: () => unknown): Promise<any> {
  let value: unknown;
  try {
    value = await run();
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a failure, got ${String(value)}`);
}

/** What `run` threw before it returned; a promise, rejected or not, is an error. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into errors of every kind
export function thrown(run: () => unknown): any {
  let value: unknown;
  try {
    value = run();
  } catch (error) {
    return error;
  }
  Promise.resolve(value).catch(() => {});
  throw new Error(`Expected a synchronous throw, got ${String(value)}`);
}

/** Counts how often a promise settles and with what. */
export function watch<R>(promise: PromiseLike<R>): { settled: number; value?: R; error?: unknown } {
  const seen: { settled: number; value?: R; error?: unknown } = { settled: 0 };
  promise.then(
    (value) => {
      seen.settled += 1;
      seen.value = value;
    },
    (error: unknown) => {
      seen.settled += 1;
      seen.error = error;
    },
  );
  return seen;
}

/** Collects everything that an iterator yields. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of source) values.push(value);
  return values;
}

/** The numbers from 0 up to `count`, as an ordinary array. */
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/**
 * A gate in shared memory. A task reports that it came in and waits until the gate opens, so a test knows exactly what
 * is running and needs no sleeps. Slots: 0 = how many came in, 1 = open, 2 = how many went out, 3 = free for the test.
 */
export class Gate {
  readonly shared = new RawArray('i', 4);

  /** How many tasks came in so far. */
  get entered(): number {
    return Atomics.load(this.shared, 0);
  }

  /** How many tasks went out so far. */
  get left(): number {
    return Atomics.load(this.shared, 2);
  }

  /** What tasks wrote into the free slot. */
  get note(): number {
    return Atomics.load(this.shared, 3);
  }

  /** Resolves when `count` tasks came in. */
  reached(count = 1): Promise<void> {
    return until(() => this.entered >= count);
  }

  /** Lets everyone through, those who wait and those who come later. */
  open(): void {
    Atomics.store(this.shared, 1, 1);
  }
}

/** Task: comes in, blocks its worker until the gate opens, goes out and returns `value`. */
export const pass = <T>(slots: Int32Array, value?: T): T | undefined => {
  Atomics.add(slots, 0, 1);
  while (Atomics.load(slots, 1) === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  Atomics.add(slots, 2, 1);
  return value;
};

/** Task: as `pass`, with the worker's event loop left running. */
export const passAsync = async <T>(slots: Int32Array, value?: T): Promise<T | undefined> => {
  Atomics.add(slots, 0, 1);
  while (Atomics.load(slots, 1) === 0) await new Promise((done) => setTimeout(done, 1));
  Atomics.add(slots, 2, 1);
  return value;
};

/** Task: comes in and never ends, without leaving JavaScript. */
export const spin = (slots: Int32Array): never => {
  Atomics.add(slots, 0, 1);
  for (;;);
};

/** Task: the id of the thread that runs it, or of the child process, as {@link idOf}. */
export const threadOf = (): number => process.getBuiltinModule('node:worker_threads').threadId || process.pid;

/** The id of a worker's thread, or of its process if it is one. */
export const idOf = ({ threadId, pid }: { threadId: number; pid: number }): number => threadId || pid;

/** Task: its argument, unchanged. */
export const echo = <T>(value: T): T => value;

/** Task: the square of a number. */
export const square = (x: number): number => x * x;

let gc: (() => void) | undefined;

/** Runs the garbage collector, with a turn of the event loop before it. */
export async function collectGarbage(): Promise<void> {
  await sleep(1);
  if (!gc) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
}

/** Collects garbage until `condition` holds. Has no limit of its own: the test's watchdog ends what hangs. */
export async function collected(condition: () => boolean): Promise<void> {
  while (!condition()) await collectGarbage();
}

/** What the addon counts in the whole process: shared objects that are alive, and bytes of blocks in use. */
export const addon: { objectCount(): number; blocksInUse(): number; attach(wake: () => void): number } = createRequire(
  import.meta.url,
)('node-gyp-build')(fileURLToPath(new URL('..', import.meta.url)));

/** What a child process did. */
export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A program in a process of its own. */
export interface Program {
  readonly pid: number;
  /** Sends a signal to this process. */
  signal(name: NodeJS.Signals): void;
  /** Writes to its standard input. */
  write(text: string): void;
  /** Ends its standard input. */
  end(): void;
  /** What it has printed to its standard output so far. */
  soFar(): string;
  /** Resolves when its standard output holds `text`; rejects when it ends without. */
  printed(text: string): Promise<void>;
  /** Resolves when it has ended and its streams are closed. */
  readonly finished: Promise<Finished>;
}

/** Starts a program; it is killed if it still runs when the test ends. */
export function startProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Program {
  const child = spawn(file, args, { env });
  let stdout = '';
  let stderr = '';
  let ended = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      ended = true;
      resolve({ code, signal, stdout, stderr });
    });
  });
  onTestFinished(() => {
    if (!ended) child.kill('SIGKILL');
  });
  return {
    pid: child.pid ?? 0,
    finished,
    signal: (signal) => void child.kill(signal),
    write: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
    soFar: () => stdout,
    async printed(text) {
      await until(() => stdout.includes(text) || ended);
      if (!stdout.includes(text)) throw new Error(`Ended without printing ${text}:\n${stdout}\n${stderr}`);
    },
  };
}

/** Starts a script of `fixtures/scripts/` in a Node process of its own. */
export const startScript = (name: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program =>
  startProgram(process.execPath, [fileURLToPath(fixture(`scripts/${name}`)), ...args], {
    ...process.env,
    NODE_OPTIONS: '',
    ...env,
  });

/** Runs a script to its end. */
export const runScript = (name: string, args?: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished> =>
  startScript(name, args, env).finished;
