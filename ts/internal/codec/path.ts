import { types } from 'node:util';

/** Ends the writing of a message: `culprit` cannot be sent. */
export class Unsendable {
  readonly culprit: unknown;
  readonly cause: unknown;

  constructor(culprit: unknown, cause?: unknown) {
    this.culprit = culprit;
    this.cause = cause;
  }
}

/** Objects looked at before the search for a path is given up. */
const MAX_OBJECTS = 1_000_000;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

interface Place {
  readonly value: unknown;
  readonly parent: Place | null;
  /** How one gets here from the parent: `.db`, `[3]`. */
  readonly step: string;
}

/**
 * Where the value sits that made the writing fail, such as `args[0].db`: the first place, in the order of writing, that
 * holds the culprit or that cannot be read. The path of the last root if it is not found again.
 */
export function locate(roots: readonly unknown[], labelOf: (i: number) => string, error: unknown): string {
  const seen = new Set<unknown>();
  let budget = MAX_OBJECTS;
  for (let i = 0; i < roots.length; i++) {
    const stack: Place[] = [{ value: roots[i], parent: null, step: labelOf(i) }];
    for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
      const { value } = here;
      if (error instanceof Unsendable && value === error.culprit) return textOf(here);
      if (typeof value !== 'object' || value === null || seen.has(value)) continue;
      seen.add(value);
      if (--budget < 0) return labelOf(roots.length - 1);
      const children: Place[] = [];
      const failed = visit(value, here, children);
      if (failed !== null && !(error instanceof Unsendable)) return textOf(failed);
      for (let j = children.length - 1; j >= 0; j--) stack.push(children[j]);
    }
  }
  return labelOf(roots.length - 1);
}

/** Lists what an object holds. @returns the place that could not be read, if there is one */
function visit(object: object, here: Place, children: Place[]): Place | null {
  let at = here;
  try {
    if (types.isMap(object)) {
      let i = 0;
      for (const [key, value] of Map.prototype.entries.call(object)) {
        children.push({ value: key, parent: here, step: `.keys()[${i++}]` });
        children.push({ value, parent: here, step: `.get(${keyText(key, i - 1)})` });
      }
      return null;
    }
    if (types.isSet(object)) {
      let i = 0;
      for (const value of Set.prototype.values.call(object))
        children.push({ value, parent: here, step: `.values()[${i++}]` });
      return null;
    }
    // Errors drop what cannot be sent; the others hold no values.
    if (types.isNativeError(object) || ArrayBuffer.isView(object)) return null;
    const array = Array.isArray(object);
    for (const key of Object.keys(object)) {
      at = { value: undefined, parent: here, step: stepTo(key, array) };
      children.push({ ...at, value: (object as Record<string, unknown>)[key] });
    }
    return null;
  } catch {
    return at;
  }
}

function stepTo(key: string, array: boolean): string {
  if (array && /^(0|[1-9]\d*)$/.test(key)) return `[${key}]`;
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function keyText(key: unknown, index: number): string {
  if (typeof key === 'string') return JSON.stringify(key);
  return typeof key === 'object' || typeof key === 'function' ? `…keys()[${index}]` : String(key);
}

function textOf(place: Place): string {
  const steps: string[] = [];
  for (let p: Place | null = place; p !== null; p = p.parent) steps.push(p.step);
  return steps.reverse().join('');
}
