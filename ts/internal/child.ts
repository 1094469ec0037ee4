import { payloadOf } from './layout.js';
import { memory } from './memory.js';
import { native, useNative } from './native.js';

/** The environment variable that a child process is started with. */
const VARIABLE = 'MANYCORE_CHILD';
/** Where a child finds the region's file: behind its standard streams. */
export const REGION_FILE = 3;

/** What a child process learns from its parent before it shares its memory. */
interface Start {
  /** The parent's number. */
  readonly pid: number;
  readonly addon: string;
  readonly ticket: string;
  /** The block with what the program has to do, and its bytes: others can read the environment. */
  readonly setup: readonly [block: number, bytes: number];
}

/** The variable for a child's environment. */
export function startVariable(start: Start): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(start) };
}

/**
 * The main program of a child process: shares the parent's memory from here on. Answers what the parent says that it has
 * to do. To be called before any code of the user's.
 */
export function joinParent(): unknown {
  const start = JSON.parse(process.env[VARIABLE] as string) as Start;
  delete process.env[VARIABLE];
  useNative(start.addon);
  try {
    native.joinRegion(start.ticket, REGION_FILE);
  } catch (error) {
    // Its parent has ended meanwhile: that is no failure of its own.
    if (process.ppid !== start.pid) process.exit(1);
    throw error;
  }
  beNoMainThread();
  memory.refresh();
  const [block, bytes] = start.setup;
  return JSON.parse(Buffer.from(memory.copy(payloadOf(block), bytes)).toString(), revive);
}

/** What a child is to do, as bytes for {@link joinParent}. */
export function setupBytes(setup: unknown): Buffer {
  // A Buffer has made itself something else before it is given to this as `value`.
  function replace(this: Record<string, unknown>, key: string, value: unknown): unknown {
    const own = this[key];
    return own instanceof Uint8Array ? { [BYTES]: Buffer.from(own).toString('hex') } : value;
  }
  return Buffer.from(JSON.stringify(setup, replace));
}

const BYTES = '$bytes';

function revive(_: string, value: unknown): unknown {
  const hex = (value as Record<string, string> | null)?.[BYTES];
  return typeof hex === 'string' ? Uint8Array.from(Buffer.from(hex, 'hex')) : value;
}

/**
 * To a program of the user's, a child process is what a worker thread is: the guard `if (isMainThread)` keeps it from
 * running again where a task or a target is looked for in it.
 */
function beNoMainThread(): void {
  const threads = process.getBuiltinModule('node:worker_threads') as { isMainThread: boolean };
  threads.isMainThread = false;
  process.getBuiltinModule('node:module').syncBuiltinESMExports();
}
