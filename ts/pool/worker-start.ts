import { type MessagePort, SHARE_ENV, threadId, type WorkerOptions } from 'node:worker_threads';
import type { Setup } from '../internal/birth.js';
import { Control, controlBytes, payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, nativePath } from '../internal/native.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { type SelfFacts, workerFacts } from '../internal/self.js';
import { printsBefore } from '../internal/worker-output.js';
import { type Body, ChildBody, ThreadBody } from './body.js';
import { WorkerHandle } from './worker-handle.js';

/** What a worker is started with. */
export interface WorkerSetup extends Setup {
  readonly pool: number;
  readonly seat: number;
  readonly control: number;
  /** Tasks that it can have in flight. */
  readonly lanes: number;
  readonly concurrency: number;
  /** In a thread: where what travels beside the bytes goes. */
  readonly port?: MessagePort;
  /** The initializer's function number, and the block with its arguments. */
  readonly initializer: { readonly fn: number; readonly block: number; readonly bytes: number } | undefined;
  /** The CPU that it runs on. */
  readonly cpu: number | undefined;
  /** The memory that it may have in use after a task, in bytes. */
  readonly maxMemory: number | undefined;
  /** Where what it prints goes; to a file: its control words tell which, as soon as the owner knows its number. */
  readonly output: 'inherit' | 'pipe' | 'file';
}

/** What a pool knows of a worker before its thread is there. */
export interface Place extends Pick<WorkerSetup, 'pool' | 'seat' | 'initializer' | 'lanes'> {
  /** Its place in the list of CPUs, if there is one. */
  readonly place: number | undefined;
  /** Values come that are no numbers. */
  readonly values: boolean;
}

const WORKER_URL = new URL('../worker.cjs', import.meta.url);

/**
 * Starts a worker: its control block, and its thread or process.
 * @throws SerializationError if there is no memory for its control block; what `new Worker` throws
 */
export function startWorker(at: Place, options: ResolvedPoolOptions): WorkerHandle {
  const { pool, seat, initializer, lanes, values, place } = at;
  const block = memory.alloc(controlBytes(lanes));
  const control = payloadOf(block);
  memory.u32.fill(0, control / 4, (control + controlBytes(lanes)) / 4);
  memory.u32[control / 4 + Control.values] = values ? 1 : 0;
  const { concurrency, stdio, cpus, maxMemoryPerWorker } = options;
  const cpu = place === undefined ? undefined : cpus?.[place];
  const output = typeof stdio === 'string' ? stdio : 'file';
  const spawned = options.context === 'spawn';
  const self = namedAfter(options.name, workerFacts(spawned ? 'spawn' : 'thread', threadId));
  const maxMemory = Number.isFinite(maxMemoryPerWorker) ? maxMemoryPerWorker : undefined;
  const common = { addon: nativePath, pool, seat, control, lanes, concurrency, self, initializer };
  const setup: WorkerSetup = { ...common, cpu, maxMemory, output };
  const start = spawned ? startChild : startThread;
  try {
    const found = { seat, place, piped: output === 'pipe' };
    return new WorkerHandle(found, block, (threw) => start(setup, options, threw));
  } catch (error) {
    native.free(block);
    throw error;
  }
}

/** The name begins with that of the pool, if it has one. */
function namedAfter(pool: string | undefined, facts: SelfFacts): SelfFacts {
  return pool === undefined ? facts : { ...facts, name: facts.name.replace('PoolWorker', () => pool) };
}

function startThread(setup: WorkerSetup, options: ResolvedPoolOptions, threw: (error: unknown) => void): Body {
  const { env, execArgv, argv, resourceLimits } = options;
  const given: WorkerOptions = {
    ...(setup.output === 'pipe' || !printsBefore(execArgv, env) ? { stdout: true, stderr: true } : {}),
    name: setup.self.name,
    ...(env === undefined ? {} : { env: env as NodeJS.Dict<string> }),
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    ...(argv === undefined ? {} : { argv: [...argv] }),
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  };
  return new ThreadBody(WORKER_URL, setup, given, threw);
}

function startChild(setup: WorkerSetup, options: ResolvedPoolOptions, threw: (error: unknown) => void): Body {
  const { execArgv, argv, resourceLimits } = options;
  const env = options.env === SHARE_ENV ? undefined : (options.env as NodeJS.Dict<string> | undefined);
  const way = setup.output === 'pipe' ? 'pipe' : 'inherit';
  return new ChildBody({ program: WORKER_URL, setup, env, execArgv, argv, resourceLimits, stdio: [way, way] }, threw);
}
