import { expected } from './describe.js';
import type { StartMethod } from './self.js';

/** A `Context` says its start method under this name, in every copy of the package. */
export const contextKey: unique symbol = Symbol.for('manycore.context') as never;

/** What can stand for a start method: its name, or a `Context`. */
export interface BoundContext {
  readonly [contextKey]: StartMethod;
}

/** The start methods, the default first. */
export const START_METHODS: readonly StartMethod[] = ['thread', 'spawn'];

/**
 * The start method that a name or a `Context` stands for.
 * @throws TypeError for anything else; RangeError for a name that is none, with the reason for Python's others
 */
export function startMethodOf<More extends string = never>(
  value: unknown,
  name: string,
  more: readonly More[] = [],
): StartMethod | More {
  if (typeof value === 'object' && value !== null && contextKey in value) return (value as BoundContext)[contextKey];
  const names: readonly string[] = [...START_METHODS, ...more];
  const what = `${names.map((each) => `'${each}'`).join(' or ')}, or a Context`;
  if (typeof value !== 'string') throw new TypeError(expected(name, what, value));
  if (value === 'fork' || value === 'forkserver') {
    throw new RangeError(
      `${name} '${value}' is not possible: a fork copies only the thread that calls it, and Node cannot run without ` +
        "its other threads. Use 'thread' or 'spawn'",
    );
  }
  if (!names.includes(value)) throw new RangeError(expected(name, what, value));
  return value as StartMethod | More;
}
