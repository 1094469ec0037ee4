import { Pool } from './pool.js';

/** After this long without a call the default pool's workers end, in milliseconds. */
const IDLE_MS = 10_000;

let shared: Pool | undefined;

/** The pool behind the functions of the module: made at the first call, its workers idle away. */
function defaultPool(): Pool {
  // One that broke, or that was ended, is replaced.
  if (shared === undefined || !Pool.takesWork(shared))
    shared = new Pool({ minProcesses: 0, idleTimeout: IDLE_MS, name: 'manycore-default' });
  return shared;
}

/** `Pool.apply` of a pool that is shared by the whole program. */
export const apply: Pool['apply'] = (...args: unknown[]) => call('apply', args) as never;

/** `Pool.map` of a pool that is shared by the whole program. Python: `multiprocessing.Pool().map`. */
export const map: Pool['map'] = (...args: unknown[]) => call('map', args) as never;

/** `Pool.starmap` of a pool that is shared by the whole program. */
export const starmap: Pool['starmap'] = (...args: unknown[]) => call('starmap', args) as never;

/** `Pool.imap` of a pool that is shared by the whole program. */
export const imap: Pool['imap'] = (...args: unknown[]) => call('imap', args) as never;

/** `Pool.imapUnordered` of a pool that is shared by the whole program. */
export const imapUnordered: Pool['imapUnordered'] = (...args: unknown[]) => call('imapUnordered', args) as never;

function call(method: 'apply' | 'map' | 'starmap' | 'imap' | 'imapUnordered', args: unknown[]): unknown {
  const pool = defaultPool();
  return (pool[method] as (...args: unknown[]) => unknown).apply(pool, args);
}
