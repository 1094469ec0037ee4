import { inspect } from 'node:util';
import * as api from '../api.js';
import { StateError } from '../internal/errors.js';
import { type StartMethod, self } from '../internal/self.js';
import { type BoundContext, contextKey, startMethodOf } from '../internal/start-method.js';
import { callsOf } from '../pool/default-pool.js';
import type { PoolOptions } from '../pool/options.js';
import { declarePlain } from '../shared.js';
import type { ProcessOptions } from './options.js';

type Api = typeof api;

/**
 * Everything that the package offers, bound to one start method: its `Process` and `Pool` start that way, and so do its
 * `map`, `apply` and the others of the default pool. It is taken wherever a `context` is.
 *
 * Python: the object that `multiprocessing.get_context(method)` answers.
 * @example
 * const { Process, Queue } = getContext('thread');
 */
export interface Context extends Omit<Api, 'setStartMethod'>, BoundContext {
  /** The context of a method; without one, this one. */
  getContext(method?: StartMethod): Context;
  /** The method of this context. */
  getStartMethod(): StartMethod;
  /** @throws StateError always: the method of a context is fixed */
  setStartMethod(method: StartMethod, options?: { force?: boolean }): never;
}

const contexts = new Map<StartMethod, Context>();

/**
 * Everything that the package offers, bound to a start method; the same object for the same method.
 *
 * Python: `multiprocessing.get_context(method=None)`.
 * @param method @default getStartMethod()
 * @throws RangeError for a method that there is not
 */
export function getContext(method?: StartMethod): Context {
  const name = method === undefined ? self().method : startMethodOf(method, 'method');
  let context = contexts.get(name);
  if (context === undefined) {
    context = makeContext(name);
    contexts.set(name, context);
  }
  return context;
}

function makeContext(method: StartMethod): Context {
  const own = {
    [contextKey]: method,
    Process: boundProcess(method),
    Pool: boundPool(method),
    ...callsOf(method),
    getContext: (other?: StartMethod) => (other === undefined ? context : getContext(other)),
    getStartMethod: () => method,
    setStartMethod(): never {
      throw new StateError(`The start method of a context is fixed: it is '${method}'`);
    },
  };
  const shown = { [inspect.custom]: () => `Context {'${method}'}` };
  const context: Context = Object.freeze({ ...api, ...own, ...shown });
  return context;
}

function boundProcess(method: StartMethod): Api['Process'] {
  // biome-ignore lint/suspicious/noExplicitAny: as the class that it extends
  class Bound<A extends unknown[] = any[], R = unknown> extends api.Process<A, R> {
    constructor(options?: ProcessOptions<A, R>) {
      super(options, method);
    }
  }
  return declarePlain(Bound, 'Process');
}

function boundPool(method: StartMethod): Api['Pool'] {
  class Bound extends api.Pool {
    constructor(options?: number | PoolOptions, ...surplus: never[]) {
      const given = typeof options === 'number' ? { processes: options } : options;
      super(given === undefined ? { context: method } : { context: method, ...given }, ...surplus);
    }
  }
  return Object.defineProperty(Bound, 'name', { value: 'Pool' });
}
