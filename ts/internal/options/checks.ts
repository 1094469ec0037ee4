import { SHARE_ENV } from 'node:worker_threads';
import { expected } from '../describe.js';
import { nearest } from '../nearest.js';

/** Checks one option's value and gives it in its final form; `name` is for the error. */
export type Check = (value: unknown, name: string) => unknown;

/** The options that a function knows. */
export type Checks = Readonly<Record<string, Check>>;

/** Names of other libraries and of Python that no measure of likeness finds. */
const otherNames: Readonly<Record<string, string>> = {
  maxworkers: 'processes',
  workers: 'processes',
  threads: 'processes',
  maxthreads: 'processes',
  poolsize: 'processes',
  minworkers: 'minProcesses',
  minthreads: 'minProcesses',
  concurrenttasksperworker: 'concurrency',
  maxqueue: 'maxPending',
  mpcontext: 'context',
  batchsize: 'chunkSize',
  initializerargs: 'initArgs',
  transferlist: 'transfer',
  abortsignal: 'signal',
  retry: 'retries',
};

/**
 * Reads an object of options: own properties only, and each of them once. What it gives has no prototype, so that a
 * polluted `Object.prototype` sets nothing.
 * `elsewhere` holds the options of a related function, for a better error.
 */
export function readOptions<T extends object>(
  given: object,
  checks: Checks,
  elsewhere?: { readonly checks: Checks; readonly where: string },
): T {
  const options: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(given)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) throw new TypeError(unknown(name, checks, elsewhere));
    if (value !== undefined) options[name] = check(value, name);
  }
  return options as T;
}

function unknown(
  name: string,
  checks: Checks,
  elsewhere?: { readonly checks: Checks; readonly where: string },
): string {
  if (elsewhere !== undefined && Object.hasOwn(elsewhere.checks, name)) {
    return `Unknown option \`${name}\`; it is an option of ${elsewhere.where}`;
  }
  const plain = name.replace(/[_-]/g, '').toLowerCase();
  const other = Object.hasOwn(otherNames, plain) ? otherNames[plain] : undefined;
  const near = other !== undefined && Object.hasOwn(checks, other) ? other : nearest(name, Object.keys(checks));
  return near === undefined ? `Unknown option \`${name}\`` : `Unknown option \`${name}\`; did you mean \`${near}\`?`;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads the options that a function takes last; `what` says what they must be. */
export function optionsOf<T extends object>(given: unknown, checks: Checks, what = 'an object'): T {
  if (!isObject(given)) throw new TypeError(expected('options', what, given));
  return readOptions<T>(given, checks);
}

/** An integer from `least` up; with `orInfinity` also Infinity. */
export function integerFrom(least: number, orInfinity = false): Check {
  const what = `an integer from ${least} up`;
  return (value, name) => {
    if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
    const fits = Number.isSafeInteger(value) || (orInfinity && value === Number.POSITIVE_INFINITY);
    if (!fits || value < least) throw new RangeError(expected(name, what, value));
    return value;
  };
}

/** An integer between two bounds, both included. */
export function integerWithin(least: number, most: number): Check {
  const what = `an integer from ${least} to ${most}`;
  return (value, name) => {
    if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
    if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(expected(name, what, value));
    return value;
  };
}

/** A number of milliseconds; a negative one counts as 0, and Infinity is for ever. */
export const time: Check = (value, name) => {
  const what = 'a number of milliseconds';
  if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
  if (Number.isNaN(value)) throw new RangeError(expected(name, what, value));
  return Math.max(0, value);
};

/** A value of one of JavaScript's own types. */
export function ofType(type: 'boolean' | 'function' | 'string'): Check {
  return (value, name) => {
    if (typeof value !== type) throw new TypeError(expected(name, `a ${type}`, value));
    return value;
  };
}

/** A function, or what another check takes. */
export function functionOr(other: Check, what: string): Check {
  return (value, name) => {
    if (typeof value === 'function') return value;
    try {
      return other(value, name);
    } catch (error) {
      const Kind = error instanceof RangeError ? RangeError : TypeError;
      throw new Kind(expected(name, `${what} or a function`, value));
    }
  };
}

export const array: Check = (value, name) => {
  if (!Array.isArray(value)) throw new TypeError(expected(name, 'an array', value));
  return value;
};

export const strings: Check = (value, name) => {
  if (!Array.isArray(value)) throw new TypeError(expected(name, 'an array of strings', value));
  for (const [i, item] of value.entries()) {
    if (typeof item !== 'string') throw new TypeError(expected(`${name}[${i}]`, 'a string', item));
  }
  return value;
};

/** An AbortSignal, or what acts as one: those of other realms and of polyfills, too. */
export const signal: Check = (value, name) => {
  const like = value as Partial<AbortSignal> | null;
  const fits =
    typeof value === 'object' && typeof like?.aborted === 'boolean' && typeof like.addEventListener === 'function';
  if (!fits) throw new TypeError(expected(name, 'an AbortSignal', value));
  return value;
};

/** One of a few words. */
export function oneOf(...words: readonly string[]): Check {
  const what = words.map((word) => `'${word}'`).join(' or ');
  return (value, name) => {
    if (typeof value !== 'string') throw new TypeError(expected(name, what, value));
    if (!words.includes(value)) throw new RangeError(expected(name, what, value));
    return value;
  };
}

/** An object with options of its own; errors name them as `outer.inner`. */
export function object(checks: Checks): Check {
  return (value, name) => {
    if (!isObject(value)) throw new TypeError(expected(name, 'an object', value));
    const named = Object.entries(checks).map(([key, check]): [string, Check] => {
      return [key, (inner) => check(inner, `${name}.${key}`)];
    });
    return readOptions(value, Object.fromEntries(named));
  };
}

/** Environment variables, or SHARE_ENV. */
export const environment: Check = (value, name) => {
  if (value === SHARE_ENV) return value;
  if (!isObject(value)) throw new TypeError(expected(name, 'an object or SHARE_ENV', value));
  for (const [key, text] of Object.entries(value)) {
    if (text !== undefined && typeof text !== 'string')
      throw new TypeError(expected(`${name}.${key}`, 'a string', text));
  }
  return value;
};

/** A size in MB, or anything else that is more than nothing. */
const positive: Check = (value, name) => {
  if (typeof value !== 'number') throw new TypeError(expected(name, 'a number above 0', value));
  if (!(value > 0)) throw new RangeError(expected(name, 'a number above 0', value));
  return value;
};

/** Memory limits as `worker_threads` takes them. */
export const resourceLimits: Check = object({
  maxOldGenerationSizeMb: positive,
  maxYoungGenerationSizeMb: positive,
  codeRangeSizeMb: positive,
  stackSizeMb: positive,
});

/** The options of every wait. */
export const waitChecks = { timeout: time, signal } satisfies Checks;
/** What those of a wait must be. */
export const WAIT_OPTIONS = 'an object such as `{ timeout: 5000 }`';
