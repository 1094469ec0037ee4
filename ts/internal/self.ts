import { birth } from './birth.js';
import { keep, kept } from './isolate.js';
import { loadNative } from './load-native.js';
import { native } from './native.js';

/**
 * What an isolate knows of itself as a process: one record per isolate, whatever the number of copies of this module.
 * It is made at first use: in what the package has started of what its parent sent, and anew in any other isolate.
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

/** This isolate, as a process. */
export function self(): Self {
  const known = kept<Self>('self');
  if (known !== undefined) return known;
  const facts = birth()?.setup.self ?? mainProcess();
  return keep<Self>('self', { ...facts, log: { ...facts.log }, chosen: false, children: 0, workers: 0 });
}

/** An isolate that the package has not started. */
function mainProcess(): SelfFacts {
  return {
    name: 'MainProcess',
    identity: [],
    daemon: false,
    authkey: undefined,
    parent: undefined,
    method: 'thread',
    log: { level: WARNING, stderr: false },
  };
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
  if (own.authkey === undefined) {
    loadNative();
    own.authkey = native.randomBytes(KEY_BYTES);
  }
  return own.authkey;
}
