import { isBranded } from '../brand.js';
import { errorClasses } from '../errors.js';
import { type Class, registeredClass, registeredName } from './classes.js';
import type { Decoder } from './decoder.js';
import type { Encoder } from './encoder.js';
import { Unsendable } from './path.js';
import * as tags from './tags.js';

/** Its name and message are private to it: they are given to the constructor. */
const DOM_EXCEPTION = 'DOMException';

/** The classes that every receiver knows. */
const known = new Map<string, Class>();
for (const C of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError]) {
  known.set(C.name, C);
}
known.set(DOM_EXCEPTION, DOMException);
for (const [name, C] of errorClasses) known.set(name, C);
const nameByPrototype = new Map<object, string>([...known].map(([name, C]) => [C.prototype as object, name]));

/** Properties that are sent although they may be inherited or not enumerable. */
const SPECIAL = ['name', 'message', 'stack', 'cause', 'errors'];

const ENUMERABLE = 1;

/** How deep errors lie in errors, as causes do: what lies deeper is left out. The receiver's stack may be a small one. */
const MOST_NESTED = 256;

/**
 * Writes an error: its class, then its properties. Whatever fails on the way (a getter that throws, a property that
 * cannot be sent) is left out: an error report must get through.
 */
export function writeError(out: Encoder, error: Error): void {
  out.byte(tags.ERROR);
  const className = classOf(error);
  out.string(className);
  if (className === DOM_EXCEPTION) writeDomException(out, error);
  out.reserve(0);
  const countAt = out.pos - out.start;
  out.uint32(0);
  let count = 0;
  for (const key of keysOf(error, className)) {
    const mark = out.mark();
    out.errors++;
    try {
      const enumerable = isEnumerable(error, key);
      out.reserve(0);
      out.string(key);
      out.reserve(0);
      out.byte(enumerable ? ENUMERABLE : 0);
      const value = (error as unknown as Record<string, unknown>)[key];
      if (out.errors > MOST_NESTED && typeof value === 'object' && value !== null) throw new Unsendable(value);
      out.value(value);
      count++;
    } catch {
      out.rollBack(mark);
    } finally {
      out.errors--;
    }
  }
  out.dv.setUint32(out.start + countAt, count, true);
}

function writeDomException(out: Encoder, error: Error): void {
  for (const key of ['name', 'message'] as const) {
    let text = '';
    try {
      text = String(error[key]);
    } catch {
      // Only an object that is made to look like one.
    }
    out.reserve(0);
    out.string(text);
  }
}

/** The name of the nearest class that the receiver knows: a registered one, one of ours, or one of the language. */
function classOf(error: Error): string {
  try {
    for (let p: object | null = Object.getPrototypeOf(error); p !== null; p = Object.getPrototypeOf(p)) {
      const name = registeredName(p) ?? nameByPrototype.get(p) ?? foreignName(p);
      if (name !== undefined) return name;
    }
  } catch {
    // A Proxy whose traps throw.
  }
  return 'Error';
}

/** The name of a class of another context, or of another copy of this package, that stands for a known one. */
function foreignName(prototype: object): string | undefined {
  const C: unknown = Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof C !== 'function' || !known.has(C.name)) return undefined;
  const { name } = C;
  const same = errorClasses.has(name) ? isBranded(name, prototype) : isNativePrototype(prototype);
  return same ? name : undefined;
}

/** Whether this is a prototype of the language's own errors: then `message` is an empty string of its own. */
function isNativePrototype(prototype: object): boolean {
  return Reflect.getOwnPropertyDescriptor(prototype, 'message')?.value === '' && Object.hasOwn(prototype, 'name');
}

function keysOf(error: Error, className: string): Set<string> {
  const keys = new Set<string>();
  for (const key of SPECIAL) if (hasSpecial(error, key, className)) keys.add(key);
  try {
    for (const key of Object.keys(error)) keys.add(key);
  } catch {
    // A Proxy whose traps throw.
  }
  return keys;
}

/** Whether a special property says more than what the receiver's class gives anyway. */
function hasSpecial(error: Error, key: string, className: string): boolean {
  try {
    if (Object.hasOwn(error, key)) return true;
    if (!(key in error)) return false;
    if (key === 'cause' || key === 'errors') return false;
    if (className === DOM_EXCEPTION) return key === 'stack';
    const C = registeredClass(className) ?? known.get(className);
    return (error as unknown as Record<string, unknown>)[key] !== C?.prototype[key];
  } catch {
    return false;
  }
}

function isEnumerable(error: Error, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(error, key);
}

export function readError(input: Decoder): object {
  const className = input.string();
  const error = input.register(
    className === DOM_EXCEPTION ? domException(input.string(), input.string()) : create(className),
  );
  let hasStack = false;
  for (let left = input.uint32(); left > 0; left--) {
    const key = input.string();
    const enumerable = (input.byte() & ENUMERABLE) !== 0;
    Object.defineProperty(error, key, { value: input.value(), writable: true, configurable: true, enumerable });
    if (key === 'stack') hasStack = true;
  }
  if (!hasStack) Object.defineProperty(error, 'stack', { value: headOf(error), writable: true, configurable: true });
  return error;
}

function domException(name: string, message: string): DOMException {
  return new DOMException(message, name);
}

/** What a stack without frames shows. */
function headOf(error: object): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    return 'Error';
  }
}

/** A real error of this class, without running the class's constructor. */
function create(className: string): object {
  const registered = registeredClass(className);
  const C = registered ?? known.get(className) ?? Error;
  const limit = Reflect.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  // The stack is the sender's: to collect one here would only cost time.
  if (limit?.writable) Error.stackTraceLimit = 0;
  try {
    const error = new Error();
    if (C !== Error) Object.setPrototypeOf(error, C.prototype);
    return error;
  } finally {
    if (limit?.writable) Error.stackTraceLimit = limit.value as number;
  }
}
