import type { StartMethod } from '../internal/self.js';
import { self } from '../internal/self.js';
import { Pool } from './pool.js';

/** After this long without a call a default pool's workers end, in milliseconds. */
const IDLE_MS = 10_000;

/** The methods that a default pool offers as functions. */
type Method = 'apply' | 'map' | 'starmap' | 'imap' | 'imapUnordered';
export type DefaultCalls = Pick<Pool, Method>;

const pools = new Map<StartMethod, Pool>();

/** The pool behind the functions of the module: made at the first call, its workers idle away. */
function defaultPool(context: StartMethod): Pool {
  let pool = pools.get(context);
  // One that broke, or that was ended, is replaced.
  if (pool === undefined || !Pool.takesWork(pool)) {
    pool = new Pool({ minProcesses: 0, idleTimeout: IDLE_MS, name: 'manycore-default', context });
    pools.set(context, pool);
  }
  return pool;
}

/** The functions of the default pool whose workers start by `method`. @param method @default getStartMethod() */
export function callsOf(method?: StartMethod): DefaultCalls {
  const call = (name: Method, args: unknown[]): unknown => {
    const pool = defaultPool(method ?? self().method);
    return (pool[name] as (...args: unknown[]) => unknown).apply(pool, args);
  };
  return {
    apply: (...args: unknown[]) => call('apply', args) as never,
    map: (...args: unknown[]) => call('map', args) as never,
    starmap: (...args: unknown[]) => call('starmap', args) as never,
    imap: (...args: unknown[]) => call('imap', args) as never,
    imapUnordered: (...args: unknown[]) => call('imapUnordered', args) as never,
  };
}

const calls = callsOf();

/** `Pool.apply` of a pool that is shared by the whole program. */
export const apply: Pool['apply'] = calls.apply;

/** `Pool.map` of a pool that is shared by the whole program. Python: `multiprocessing.Pool().map`. */
export const map: Pool['map'] = calls.map;

/** `Pool.starmap` of a pool that is shared by the whole program. */
export const starmap: Pool['starmap'] = calls.starmap;

/** `Pool.imap` of a pool that is shared by the whole program. */
export const imap: Pool['imap'] = calls.imap;

/** `Pool.imapUnordered` of a pool that is shared by the whole program. */
export const imapUnordered: Pool['imapUnordered'] = calls.imapUnordered;
