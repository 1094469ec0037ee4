/**
 * What an isolate knows of itself as a process: one record per isolate, whatever the number of copies of this module.
 * The main thread makes its own at first use; a child's is made of what its parent sends, before any code of the user's.
 */

/** How processes are started: in worker threads, or as child processes. */
export type StartMethod = 'thread' | 'spawn';

/** Whoever started this isolate. */
export interface ParentFacts {
  readonly name: string;
  readonly pid: number;
  readonly threadId: number;
}

/** What is written to standard error of what the package does, and of which weight at least. */
export interface LogState {
  level: number;
  stderr: boolean;
}

/** A number for each generation; those of pools' workers have a `w` in front. */
export type Identity = readonly (number | string)[];

/** What an isolate knows of itself. */
export interface Self {
  name: string;
  /** Its place among the processes: `[1, 2]` is the second that the first of the main process made. */
  readonly identity: Identity;
  daemon: boolean;
  /** Absent as long as nobody asked for it. */
  authkey: Uint8Array | undefined;
  readonly parent: ParentFacts | undefined;
  /** How this isolate's own processes are started. */
  method: StartMethod;
  /** Whether `setStartMethod` was called here. */
  chosen: boolean;
  readonly log: LogState;
  /** How many processes, and how many workers of pools, it has made. */
  children: number;
  workers: number;
}

/** What of it a child is given. */
export type SelfFacts = Pick<Self, 'name' | 'identity' | 'daemon' | 'authkey' | 'parent' | 'method' | 'log'>;
type Inherited = Omit<SelfFacts, 'daemon' | 'authkey'>;

const KEY_BYTES = 32;
/** Index of the level that nobody has chosen. */
const WARNING = 2;
const key = Symbol.for('manycore.self');
const scope = globalThis as { [key]?: Self };

/** This isolate, as a process. */
export function self(): Self {
  const known = scope[key];
  if (known !== undefined) return known;
  return becomeSelf({
    name: 'MainProcess',
    identity: [],
    daemon: false,
    authkey: undefined,
    parent: undefined,
    method: 'thread',
    log: { level: WARNING, stderr: false },
  });
}

/** This isolate is what its parent says. */
export function becomeSelf(facts: SelfFacts): Self {
  const made: Self = { ...facts, log: { ...facts.log }, chosen: false, children: 0, workers: 0 };
  Object.defineProperty(globalThis, key, { value: made });
  return made;
}

/** The identity of this isolate's next process. */
export function nextIdentity(): Identity {
  const own = self();
  own.children++;
  return [...own.identity, own.children];
}

/** What the next worker of a pool, started by `method`, is to know of itself. */
export function workerFacts(method: StartMethod, threadId: number): SelfFacts {
  const own = self();
  own.workers++;
  const identity = [...own.identity, `w${own.workers}`];
  const name = `PoolWorker-${[...own.identity, own.workers].join(':')}`;
  return { ...factsFor(name, identity, method, threadId), daemon: true, authkey: authkey() };
}

/** What a child that is made by this isolate, whose thread has this number, inherits. */
export function factsFor(name: string, identity: Identity, method: StartMethod, threadId: number): Inherited {
  const { log } = self();
  return { name, identity, method, log, parent: { name: self().name, pid: process.pid, threadId } };
}

/** The key with which processes of one family know each other. */
export function authkey(): Uint8Array {
  const own = self();
  own.authkey ??= randomKey();
  return own.authkey;
}

/** From the system's own source, where it is a file: Node's `crypto` takes milliseconds to load, at the start of each pool. */
function randomKey(): Uint8Array {
  const { openSync, readSync, closeSync } = process.getBuiltinModule('node:fs');
  try {
    const fd = openSync('/dev/urandom', 'r');
    try {
      const key = Buffer.alloc(KEY_BYTES);
      if (readSync(fd, key, 0, KEY_BYTES, null) === KEY_BYTES) return key;
    } finally {
      closeSync(fd);
    }
  } catch {
    // There is no such file.
  }
  return process.getBuiltinModule('node:crypto').randomBytes(KEY_BYTES);
}
