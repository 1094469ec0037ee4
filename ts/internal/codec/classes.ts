import { inspect } from 'node:util';

// biome-ignore lint/suspicious/noExplicitAny: any class
export type Class = new (...args: any[]) => any;

interface Registry {
  readonly byName: Map<string, Class>;
  readonly byPrototype: Map<object, string>;
}

/** One per isolate, whatever the number of copies of this module: a worker's program has a copy of its own. */
const key = Symbol.for('manycore.classes');
const scope = globalThis as { [key]?: Registry };
if (scope[key] === undefined)
  Object.defineProperty(scope, key, { value: { byName: new Map(), byPrototype: new Map() } });
const { byName, byPrototype } = scope[key] as Registry;

/** Options of {@link registerClass}. */
export interface RegisterClassOptions {
  /**
   * The name under which instances travel; it must be the same on both sides.
   * @default the class's own name
   */
  name?: string;
}

/**
 * Keeps the class of objects and errors that are sent. Call it in every thread that sends or receives them: best in the
 * module that defines the class. What travels are the own properties; the receiver makes an object with the class's
 * prototype and these properties, without calling the constructor. Private fields (`#x`) do not travel.
 * Where the class is not registered, a plain object arrives (for an error, its nearest built-in class).
 *
 * Python: pickle keeps the class of every object, by importing its module.
 * @throws TypeError if `C` is not a class, has no name, or another class has that name
 * @example
 * class Point { constructor(x, y) { this.x = x; this.y = y; } length() { return Math.hypot(this.x, this.y); } }
 * registerClass(Point);
 */
export function registerClass(C: Class, options?: RegisterClassOptions): void {
  if (typeof C !== 'function' || typeof C.prototype !== 'object' || C.prototype === null) {
    throw new TypeError(`Expected a class, got \`${inspect(C, { depth: 0 })}\` (${typeof C})`);
  }
  const name = options?.name ?? C.name;
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`Expected \`name\` to be a non-empty string, got \`${inspect(name)}\` (${typeof name})`);
  }
  const holder = byName.get(name);
  if (holder !== undefined && holder !== C) {
    throw new TypeError(
      `Another class is registered under the name \`${name}\`; give one of them a \`name\` of its own`,
    );
  }
  const known = byPrototype.get(C.prototype);
  if (known !== undefined && known !== name) {
    throw new TypeError(`The class \`${C.name}\` is already registered under the name \`${known}\``);
  }
  byName.set(name, C);
  byPrototype.set(C.prototype, name);
}

/** The name under which instances with this prototype travel. */
export function registeredName(prototype: object): string | undefined {
  return byPrototype.size === 0 ? undefined : byPrototype.get(prototype);
}

export function registeredClass(name: string): Class | undefined {
  return byName.get(name);
}
