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

/** What an isolate knows of itself. */
export interface Self {
  name: string;
  /** Its place among the processes: `[1, 2]` is the second that the first of the main process made. */
  readonly identity: readonly number[];
  daemon: boolean;
  /** Absent as long as nobody asked for it. */
  authkey: Uint8Array | undefined;
  readonly parent: ParentFacts | undefined;
  /** How this isolate's own processes are started. */
  method: StartMethod;
  /** Whether `setStartMethod` was called here. */
  chosen: boolean;
  readonly log: LogState;
  /** How many processes it has made. */
  children: number;
}

/** What of it a child is given. */
export type SelfFacts = Pick<Self, 'name' | 'identity' | 'daemon' | 'authkey' | 'parent' | 'method' | 'log'>;

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
    log: { level: 0, stderr: false },
  });
}

/** This isolate is what its parent says. */
export function becomeSelf(facts: SelfFacts): Self {
  const made: Self = { ...facts, log: { ...facts.log }, chosen: false, children: 0 };
  Object.defineProperty(globalThis, key, { value: made });
  return made;
}

/** The identity of this isolate's next process. */
export function nextIdentity(): readonly number[] {
  const own = self();
  own.children++;
  return [...own.identity, own.children];
}

/** The key with which processes of one family know each other. */
export function authkey(): Uint8Array {
  const own = self();
  own.authkey ??= process.getBuiltinModule('node:crypto').randomBytes(32);
  return own.authkey;
}
