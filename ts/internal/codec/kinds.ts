import { Stream } from 'node:stream';
import { types } from 'node:util';
import { isDescribable, isHandle } from '../handles.js';
import { isWasmModule } from '../wasm-module.js';
import { registeredName } from './classes.js';
import { Thrown } from './hooks.js';
import { viewClasses } from './views.js';

/** What an object is to the codec. */
export const Kind = {
  plain: 0,
  map: 1,
  set: 2,
  date: 3,
  regexp: 4,
  boxed: 5,
  buffer: 6,
  view: 7,
  error: 8,
  attached: 9,
  thrown: 10,
  registered: 11,
  refused: 12,
  handle: 13,
  described: 14,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The prototypes met most, each with the test that an object with this prototype has to pass. */
const builtins = new Map<object, readonly [Kind, (value: unknown) => boolean]>([
  [Map.prototype, [Kind.map, types.isMap]],
  [Set.prototype, [Kind.set, types.isSet]],
  [Date.prototype, [Kind.date, types.isDate]],
  [RegExp.prototype, [Kind.regexp, types.isRegExp]],
  [ArrayBuffer.prototype, [Kind.buffer, types.isArrayBuffer]],
  [SharedArrayBuffer.prototype, [Kind.buffer, types.isSharedArrayBuffer]],
  [Buffer.prototype, [Kind.view, ArrayBuffer.isView]],
]);
for (const C of viewClasses) if (C !== undefined) builtins.set(C.prototype, [Kind.view, ArrayBuffer.isView]);
for (const C of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError]) {
  builtins.set(C.prototype, [Kind.error, types.isNativeError]);
}

/** Prototypes of which an instance was looked at closely, and was an ordinary object. */
const plain = new WeakSet<object>();

/** What `value` is, whose prototype is neither null nor that of plain objects. */
export function kindOf(value: object, prototype: object): Kind {
  if (plain.has(prototype) && registeredName(prototype) === undefined) return Kind.plain;
  const known = builtins.get(prototype);
  if (known?.[1](value)) return known[0];
  if (value instanceof Thrown) return Kind.thrown;
  if (isErrorLike(value)) return Kind.error;
  if (isHandle(value)) return Kind.handle;
  if (isDescribable(value)) return Kind.described;
  if (registeredName(prototype) !== undefined) return Kind.registered;
  return innerKind(value, prototype);
}

/** What `value` is when its class is left out of account. */
export function innerKind(value: object, prototype: object): Kind {
  if (types.isProxy(value)) return builtins.has(prototype) || isHostObject(value) ? Kind.refused : Kind.plain;
  if (types.isMap(value)) return Kind.map;
  if (types.isSet(value)) return Kind.set;
  if (types.isDate(value)) return Kind.date;
  if (types.isRegExp(value)) return Kind.regexp;
  if (types.isAnyArrayBuffer(value)) return Kind.buffer;
  if (ArrayBuffer.isView(value)) return Kind.view;
  if (types.isBoxedPrimitive(value)) return types.isSymbolObject(value) ? Kind.refused : Kind.boxed;
  if (isAttachable(value)) return Kind.attached;
  if (isHostObject(value)) return Kind.refused;
  plain.add(prototype);
  return Kind.plain;
}

/**
 * Errors, also those of another context and a Proxy around one; and objects that only inherit from Error.prototype, as
 * classes before ES2015 made them: as an error they say more than as a plain object.
 */
function isErrorLike(value: object): boolean {
  return types.isNativeError(value) || value instanceof Error;
}

/** Things of the platform that `postMessage` knows how to clone or to transfer: they tell so by a method under a symbol. */
function isAttachable(value: object): boolean {
  if (types.isKeyObject(value) || value instanceof MessagePort || isWasmModule(value)) return true;
  for (let p: object | null = value; p !== null; p = Object.getPrototypeOf(p)) {
    for (const symbol of Object.getOwnPropertySymbols(p)) {
      const name = symbol.description;
      if (name === 'messaging_clone_symbol' || name === 'messaging_transfer_symbol') return true;
    }
  }
  return false;
}

/**
 * Objects with a state that JavaScript cannot read: those of the engine (Promise, WeakMap, generators, Intl …), those that
 * native code made, and streams, which are nothing without their handle.
 */
function isHostObject(value: object): boolean {
  if (types.isExternal(value) || types.isGeneratorObject(value) || value instanceof Stream) return true;
  for (let p: object | null = Object.getPrototypeOf(value); p !== null; p = Object.getPrototypeOf(p)) {
    const parent: object | null = Object.getPrototypeOf(p);
    if (parent === null) return false;
    const C: unknown = Reflect.getOwnPropertyDescriptor(p, 'constructor')?.value;
    if (typeof C === 'function' && C !== Array && isNative(C)) return true;
    // Iterators of the engine: their prototypes have no constructor.
    const next: unknown = Reflect.getOwnPropertyDescriptor(p, 'next')?.value;
    if (typeof next === 'function' && isNative(next)) return true;
  }
  return false;
}

function isNative(fn: object): boolean {
  return /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(fn));
}

/** Names a value in an error message: `a WeakMap`, `a symbol`. */
export function describeKind(value: unknown): string {
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'function')
    return safely(() => (value.name ? `the function \`${value.name}\`` : 'a function')) ?? 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (types.isProxy(value)) return 'a Proxy';
  let name = safely(() => value.constructor?.name);
  // Objects of the engine often have no constructor of their own: they inherit Object or, since Node 22, Iterator.
  if (!name || name === 'Object' || name === 'Iterator')
    name = safely(() => Object.prototype.toString.call(value).slice(8, -1)) ?? 'Object';
  if (name === 'Object') return 'an object';
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
