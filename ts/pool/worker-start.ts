import { MessageChannel, type MessagePort, threadId, Worker } from 'node:worker_threads';
import { Control, controlBytes, payloadOf } from '../internal/layout.js';
import { memory } from '../internal/memory.js';
import { native, nativePath } from '../internal/native.js';
import type { ResolvedPoolOptions } from '../internal/options.js';
import { type SelfFacts, workerFacts } from '../internal/self.js';
import { printsBefore } from '../internal/worker-output.js';
import { WorkerHandle } from './worker-handle.js';

/** What a worker tells its pool's owner through its port. */
export type FromWorker =
  | { readonly ready: { readonly initMs: number } }
  | { readonly initializerFailed: Uint8Array }
  /** It ends with an error that nobody caught. */
  | { readonly threw: Uint8Array }
  | { readonly parcel: MessagePort }
  /** Whole lines that it prints to standard output (1) or standard error (2). */
  | { readonly printed: 1 | 2; readonly lines: Uint8Array }
  | { readonly want: number };

/** What a worker is started with. */
export interface WorkerSetup {
  readonly addon: string;
  readonly pool: number;
  readonly seat: number;
  readonly control: number;
  readonly concurrency: number;
  readonly port: MessagePort;
  /** What it is to know of itself as a process. */
  readonly self: SelfFacts;
  /** The initializer's function number, and the block with its arguments. */
  readonly initializer: { readonly fn: number; readonly block: number; readonly bytes: number } | undefined;
  /** The CPU that it runs on. */
  readonly cpu: number | undefined;
  /** The memory that it may have in use after a task, in bytes; Infinity without a limit. */
  readonly maxMemory: number;
  /** Where what it prints goes; to a file: the owner tells which, first of all. */
  readonly output: 'inherit' | 'pipe' | 'file';
}

/** What a pool knows of a worker before its thread is there. */
export interface Place extends Pick<WorkerSetup, 'pool' | 'seat' | 'initializer'> {
  /** Its place in the list of CPUs, if there is one. */
  readonly place: number | undefined;
  /** Tasks that it can have in flight. */
  readonly lanes: number;
  /** Values come that are no numbers. */
  readonly values: boolean;
}

const WORKER_URL = new URL('../worker.cjs', import.meta.url);

/**
 * Starts a worker: its control block, its port, and its thread.
 * @throws SerializationError if there is no memory for its control block; what `new Worker` throws
 */
export function startWorker(at: Place, options: ResolvedPoolOptions): WorkerHandle {
  const { pool, seat, initializer, lanes, values, place } = at;
  const block = memory.alloc(controlBytes(lanes));
  const control = payloadOf(block);
  memory.u32.fill(0, control / 4, (control + controlBytes(lanes)) / 4);
  memory.u32[control / 4 + Control.values] = values ? 1 : 0;
  const { port1, port2 } = new MessageChannel();
  const { concurrency, stdio, cpus, maxMemoryPerWorker: maxMemory } = options;
  const cpu = place === undefined ? undefined : cpus?.[place];
  const output = typeof stdio === 'string' ? stdio : 'file';
  const self = workerFacts('thread', threadId);
  const common = { addon: nativePath, pool, seat, control, concurrency, self, initializer };
  const setup: WorkerSetup = { ...common, port: port2, cpu, maxMemory, output };
  try {
    const thread = new Worker(WORKER_URL, {
      workerData: setup,
      transferList: [port2],
      ...(output === 'pipe' || !printsBefore(options.execArgv, options.env) ? { stdout: true, stderr: true } : {}),
      name: `${options.name ?? 'manycore'}-${seat + 1}`,
      ...(options.env === undefined ? {} : { env: options.env as NodeJS.Dict<string> }),
      ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
      ...(options.argv === undefined ? {} : { argv: [...options.argv] }),
      ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
    });
    return new WorkerHandle(thread, port1, seat, block, place, output === 'pipe');
  } catch (error) {
    native.free(block);
    port1.close();
    throw error;
  }
}
