import type { AnyFunction } from './definition.js';

/**
 * What a worker has too, by the same name. Own list, and not all of `globalThis`: what a program puts there itself
 * does not exist in its workers.
 */
const ROOTS = [
  'Math Number String Boolean BigInt Symbol Object Array JSON Reflect Atomics Promise Date RegExp Intl Map Set WeakMap',
  'WeakSet WeakRef Proxy FinalizationRegistry Function ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array',
  'Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array BigInt64Array BigUint64Array Float16Array Float32Array',
  'Float64Array Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError parseInt',
  'parseFloat isNaN isFinite encodeURI encodeURIComponent decodeURI decodeURIComponent escape unescape WebAssembly Buffer',
  'URL URLSearchParams TextEncoder TextDecoder structuredClone atob btoa fetch console setTimeout setInterval setImmediate',
  'clearTimeout clearInterval clearImmediate queueMicrotask',
];

let rootNames: Set<string> | undefined;

function roots(): Set<string> {
  rootNames ??= new Set(ROOTS.join(' ').split(' '));
  return rootNames;
}

let paths: Map<AnyFunction, string> | undefined;

/** The path of a function of the language or of Node (`Math.sqrt`); `undefined` if it is none. */
export function builtinPath(fn: AnyFunction): string | undefined {
  paths ??= walk();
  return paths.get(fn);
}

/** The function at a path that {@link builtinPath} gave; `undefined` if this runtime has none there. */
export function builtinAt(path: string): AnyFunction | undefined {
  const [root = '', member] = path.split('.');
  if (!roots().has(root)) return undefined;
  const holder = global(root);
  const found = member === undefined ? holder : own(holder, member);
  return typeof found === 'function' ? (found as AnyFunction) : undefined;
}

function walk(): Map<AnyFunction, string> {
  const found = new Map<AnyFunction, string>();
  const add = (value: unknown, path: string) => {
    // The first name wins: `parseInt` is also `Number.parseInt`.
    if (typeof value === 'function' && !found.has(value as AnyFunction)) found.set(value as AnyFunction, path);
  };
  for (const root of roots()) add(global(root), root);
  for (const root of roots()) {
    const holder = global(root);
    if (holder === undefined) continue;
    for (const member of Object.getOwnPropertyNames(holder)) {
      // A prototype is no function to call, though `Function.prototype` is one.
      if (member !== 'prototype') add(own(holder, member), `${root}.${member}`);
    }
  }
  return found;
}

/** A global by its name; some, such as `Buffer`, are getters. */
function global(root: string): unknown {
  return Object.hasOwn(globalThis, root) ? (globalThis as Record<string, unknown>)[root] : undefined;
}

/** The value of an own data property: the getters of classes are not called. */
function own(holder: unknown, name: string): unknown {
  return Object.getOwnPropertyDescriptor(Object(holder), name)?.value;
}
