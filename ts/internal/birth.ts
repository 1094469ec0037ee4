import { isMainThread, workerData } from 'node:worker_threads';
import { keep, kept } from './isolate.js';
import { payloadOf } from './layout.js';
import { addonAt } from './native.js';
import type { SelfFacts } from './self.js';

/** The environment variable that a child process is started with. */
const VARIABLE = 'MANYCORE_CHILD';
/** In the `workerData` of threads that the package starts. */
const MARK = 'startedByManycore';
/** Where a child process finds the region's file: behind its standard streams. */
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

/** What every program of the package's own is told. */
export interface Setup {
  /** The addon's path. */
  readonly addon: string;
  /** What it is to know of itself as a process. */
  readonly self: SelfFacts;
}

/** How this isolate came to be: the package started it, as a pool's worker or as a child. */
export interface Birth {
  readonly setup: Setup;
  /** It is the main thread of a process of its own. */
  readonly inProcess: boolean;
  /** The program that it was started for runs. What runs before are modules that the user has preloaded. */
  begun: boolean;
  /** What its setup was read from. Node 20 can crash when such a buffer is dropped before the end. */
  readonly window?: ArrayBuffer;
}

/** The variable for a child process' environment. */
export function startVariable(start: Start): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(start) };
}

/** The `workerData` for a thread. */
export function startData<T extends Setup>(setup: T): T {
  return { ...setup, [MARK]: true };
}

/**
 * How this isolate came to be; undefined where somebody else started it. Modules preloaded by `--import` or `--require`
 * run before the package's program does, and may use the package: so the first copy of it that is loaded finds out, for
 * all that come later.
 */
export function birth(): Birth | undefined {
  return look(false);
}

/** The program of a worker or a child begins: all code of the user's that runs from here on is its own. */
export function begin(): Birth {
  const born = look(true) as Birth;
  born.begun = true;
  return born;
}

function look(inProgram: boolean): Birth | undefined {
  const known = kept<Birth>('birth');
  if (known !== undefined) return known;
  if (!isMainThread) {
    const marked = (workerData as Record<string, unknown> | null | undefined)?.[MARK] === true;
    return marked ? keep<Birth>('birth', { setup: workerData as Setup, inProcess: false, begun: false }) : undefined;
  }
  const text = process.env[VARIABLE];
  if (text === undefined) return undefined;
  const start = JSON.parse(text) as Start;
  // A process that a preloaded module has started has inherited the variable, and is none of ours.
  if (process.ppid !== start.pid && !inProgram) return undefined;
  return joinParent(start);
}

/** A child process shares its parent's memory from here on. */
function joinParent(start: Start): Birth {
  delete process.env[VARIABLE];
  try {
    const addon = addonAt(start.addon);
    // Who started it has ended meanwhile: that is no failure of its own.
    if (!addon.joinRegion(start.ticket, REGION_FILE)) process.exit(1);
    beNoMainThread();
    const [block, bytes] = start.setup;
    const window = addon.window();
    const text = Buffer.from(window, payloadOf(block), bytes).toString();
    const setup = JSON.parse(text, revive) as Setup;
    return keep('birth', { setup, inProcess: true, begun: false, window });
  } catch (error) {
    // The memory may be another's by now.
    if (process.ppid !== start.pid) process.exit(1);
    throw error;
  }
}

/** What a child is to do, as bytes for {@link joinParent}. */
export function setupBytes(setup: Setup): Buffer {
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
 * running again where a task or a target is looked for in it, or where it is preloaded. What has imported the name sees
 * the new value, too.
 */
function beNoMainThread(): void {
  const threads = process.getBuiltinModule('node:worker_threads') as { isMainThread: boolean };
  threads.isMainThread = false;
  process.getBuiltinModule('node:module').syncBuiltinESMExports();
}

// In a child process the guard must hold when what follows the import of the package looks at it.
if (process.env[VARIABLE] !== undefined) birth();
