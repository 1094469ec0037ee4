import type { ArrowFunctionExpression, Expression, FunctionExpression } from 'acorn';
import { SerializationError } from '../errors.js';
import { parseExpression } from './acorn.js';
import { builtinPath } from './builtins.js';
import { callerFile, Place } from './caller.js';
import {
  type AnyFunction,
  type Definition,
  definitionOfTask,
  definitions,
  type SourceDefinition,
} from './definition.js';
import { glance } from './glance.js';
import { explainHelpers } from './helpers.js';
import { type Analysis, analyse, type Outer } from './scope.js';

/** Names that look global inside of a CommonJS module, yet belong to that one module. */
const moduleScoped = new Set(['require', 'module', 'exports', '__filename', '__dirname']);

/** esbuild and tsx wrap functions in `__name(fn, 'name')` to keep their names. Ours does nothing: the name travels. */
const NAME_HELPER = '__name';

/** How many definitions are kept by text. A program that makes functions without end must not fill its memory. */
const MAX_KNOWN = 1024;

/**
 * Definitions by the function's text, name and file. A function written inside of a loop or a request handler is a new
 * object each time, with the same text.
 */
const known = new Map<string, SourceDefinition>();

/**
 * How a function travels to a worker. The work is done once per function object, or per text within a file.
 * Throws SerializationError for a function that cannot be sent, and says why and what to do.
 */
export function define(fn: AnyFunction): Definition {
  let definition = definitions.get(fn) ?? definitionOfTask(fn);
  if (definition === undefined) {
    definition = describe(fn);
    definitions.set(fn, definition);
  }
  return definition;
}

function describe(fn: AnyFunction): Definition {
  const text = Function.prototype.toString.call(fn);
  const native = /\{\s*\[native code\]\s*\}$/.test(text);
  try {
    if (native) throw refusal(fn, text, nativeReason(fn));
    return knownSource(fn, text);
  } catch (error) {
    // Some functions of Node are JavaScript, and look like any function with a closure.
    const path = builtinPath(fn);
    if (path === undefined) throw error;
    return { kind: 'builtin', path };
  }
}

function knownSource(fn: AnyFunction, text: string): SourceDefinition {
  const file = callerFile();
  const key = JSON.stringify([isSloppy(fn), nameOf(fn), file, text]);
  let definition = known.get(key);
  if (definition === undefined) {
    definition = fromSource(fn, text, file);
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value as string);
    known.set(key, definition);
  }
  return definition;
}

function fromSource(fn: AnyFunction, text: string, file: string): SourceDefinition {
  const place = file === '' ? undefined : Place.find(file, text);
  const plain = glance(text);
  if (plain !== undefined && needsNothing(plain.free, place)) {
    return built(fn, text, file, place, { async: plain.async, sloppy: isSloppy(fn) });
  }
  return built(fn, text, file, place, examined(fn, text, place));
}

/** Whether names are surely those of globals. */
function needsNothing(free: ReadonlySet<string>, place: Place | undefined): boolean {
  for (const name of free) if (!isGlobal(name) || place?.mayDeclare(name) === true) return false;
  return true;
}

/** What has to be known of a function's text. */
interface Form {
  readonly async: boolean;
  readonly sloppy: boolean;
  /** A method's text begins to count at its parameters: here. */
  readonly paramsAt?: number;
  /** Whether it needs {@link NAME_HELPER}. */
  readonly helped?: boolean;
}

/** Has the parser look at a function. Throws SerializationError if it cannot be sent. */
function examined(fn: AnyFunction, text: string, place: Place | undefined): Form {
  const { node, sloppy, method } = parse(fn, text);
  if (node.generator) {
    throw refusal(
      fn,
      text,
      'the iterator that a generator function returns cannot be sent back. Return an array instead.',
    );
  }
  const analysis = analyse(node, sloppy);
  checkOuter(fn, text, analysis.outer);
  const helped = checkNames(fn, text, analysis, place);
  return { async: node.async, sloppy, paramsAt: method ? node.start - parsedOffset : undefined, helped };
}

function built(fn: AnyFunction, text: string, file: string, place: Place | undefined, form: Form): SourceDefinition {
  const { async, sloppy, paramsAt, helped } = form;
  // All in one line, so that line numbers stay those of the file.
  const strict = sloppy ? '' : "'use strict';";
  const opening = helped ? `((${NAME_HELPER}) => (` : '(';
  const closing = helped ? '))((fn) => fn)' : ')';
  // A method is text only inside of an object, and its key may be an expression of the code around it.
  const head = paramsAt === undefined ? '' : `({ ${async ? 'async ' : ''}method`;
  const tail = paramsAt === undefined ? '' : ' }).method';
  const start = paramsAt ?? 0;
  const prefix = strict + opening + head;
  const name = nameOf(fn);
  return {
    kind: 'source',
    source: prefix + text.slice(start) + tail + closing,
    name,
    file:
      file === '' ? '' : `${file}#${fragment(place, start, prefix.length) ?? encodeURIComponent(name || 'anonymous')}`,
    async,
  };
}

/** Where the script begins in the file, as {@link SourceDefinition.file} has it. */
function fragment(place: Place | undefined, start: number, prefixLength: number): string | undefined {
  if (place === undefined) return undefined;
  const { line, column } = place.position(start);
  return `${line}:${column - prefixLength}`;
}

interface Parsed {
  readonly node: FunctionExpression | ArrowFunctionExpression;
  readonly sloppy: boolean;
  /** Whether it is a method, getter or setter: `node` then begins at its parameters. */
  readonly method: boolean;
}

/** Reads `caller` of a sloppy plain function, and throws for any other; before V8 14 it throws for every function. */
const callerOf = Reflect.getOwnPropertyDescriptor(Function.prototype, 'caller')?.get;

/** Of plain functions `caller` tells. Of arrows and methods it cannot be known: strict is the rule. */
function isSloppy(fn: AnyFunction): boolean {
  // Before V8 14 (Node 24 and earlier) these are properties of each sloppy plain function.
  if (Object.hasOwn(fn, 'caller') && Object.hasOwn(fn, 'arguments')) return true;
  // Arrows, methods and async functions have no `prototype`: no need to try them.
  if (callerOf === undefined || !Object.hasOwn(fn, 'prototype')) return false;
  try {
    callerOf.call(fn);
    return true;
  } catch {
    return false;
  }
}

function parse(fn: AnyFunction, text: string): Parsed {
  let failure: unknown;
  for (const sourceType of isSloppy(fn) ? (['script'] as const) : (['module', 'script'] as const)) {
    const sloppy = sourceType === 'script';
    for (const method of [false, true]) {
      try {
        const node = functionNode(parseExpression(method ? `{${text}}` : ` ${text}`, sourceType), method);
        if (node === 'class') {
          throw refusal(
            fn,
            text,
            'a class cannot be called as a task. Send a function that builds the object in the worker.',
          );
        }
        if (node !== undefined) return { node, sloppy, method };
      } catch (error) {
        if (error instanceof SerializationError) throw error;
        failure ??= error;
      }
    }
  }
  const reason = /^(async\b\s*)?\*?\s*#/.test(text)
    ? 'it is a private method, which only its class can see. Move it to a function of its own.'
    : `its source text cannot be read as a function (${(failure as Error | undefined)?.message}). ${wayOut(fn)}`;
  throw refusal(fn, text, reason);
}

/** `(` or `({` and a space or brace come before the text when it is parsed. */
const parsedOffset = 2;

function functionNode(
  node: Expression,
  method: boolean,
): FunctionExpression | ArrowFunctionExpression | 'class' | undefined {
  if (!method) {
    if (node.type === 'ClassExpression') return 'class';
    return node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression' ? node : undefined;
  }
  const property = node.type === 'ObjectExpression' && node.properties.length === 1 ? node.properties[0] : undefined;
  return property?.type === 'Property' && property.value.type === 'FunctionExpression' ? property.value : undefined;
}

/** Refuses what belongs to the code around the function and is no variable. */
function checkOuter(fn: AnyFunction, text: string, outer: ReadonlySet<Outer>): void {
  for (const thing of outer) {
    if (thing === 'this') {
      const why = 'it is an arrow function that uses `this`, which belongs to the code around it';
      throw refusal(fn, text, `${why}. Pass what it needs as an argument.`);
    }
    if (thing === 'import.meta') {
      const why = 'it uses `import.meta`, which belongs to its module';
      throw refusal(fn, text, `${why}. Pass what it needs of it (such as the URL) as an argument. ${wayOut(fn)}`);
    }
    throw refusal(fn, text, `it uses \`${thing}\`, which only its class can see. Move it to a function of its own.`);
  }
}

/** Refuses free variables. Answers whether the function needs {@link NAME_HELPER}. */
function checkNames(fn: AnyFunction, text: string, analysis: Analysis, place: Place | undefined): boolean {
  const used = new Set<string>();
  const asked = new Set<string>();
  for (const { name, declared, typeofOnly } of analysis.references) {
    if (!declared) (typeofOnly ? asked : used).add(name);
  }
  const helped = used.delete(NAME_HELPER);
  const globals = new Set([...used].filter(isGlobal));
  for (const name of asked) if (!used.has(name)) globals.add(name);
  const shadowed = globals.size > 0 && place !== undefined ? place.declaredAround() : new Set<string>();
  const free = [...used, ...asked].filter((name) => (globals.has(name) ? shadowed.has(name) : true));
  if (free.length > 0) throw refusal(fn, text, freeReason(fn, [...new Set(free)], globals));
  return helped;
}

function isGlobal(name: string): boolean {
  return !moduleScoped.has(name) && Object.hasOwn(globalThis, name);
}

function freeReason(fn: AnyFunction, free: readonly string[], globals: ReadonlySet<string>): string {
  const helper = explainHelpers(free);
  if (helper !== undefined) return `it uses ${list(free)}, and ${helper}. ${wayOut(fn)}`;

  const own = free.filter((name) => moduleScoped.has(name));
  if (own.length > 0) {
    const why = `it uses ${list(own)}, which ${own.length === 1 ? 'belongs' : 'belong'} to its CommonJS module`;
    const other = free.length > own.length ? ` (and ${list(free.filter((name) => !own.includes(name)))})` : '';
    const inside =
      "Inside of the function use `await import('…')`, or `process.getBuiltinModule('…')` for a module of Node";
    return `${why}${other}. ${inside}. ${wayOut(fn)}`;
  }

  const what = `it uses ${list(free)} of the code around it, and closures are not captured yet`;
  const notes: string[] = [];
  const shadowed = free.filter((name) => globals.has(name));
  if (shadowed.length > 0) notes.push(`Its file declares ${list(shadowed)}, which is not the global of that name. `);
  if (free.includes('arguments')) notes.push('An arrow function has no `arguments` of its own: use `(...args) =>`. ');
  const name = nameOf(fn);
  if (free.length === 1 && free[0] === name) {
    return `${what}. ${notes.join('')}To call itself it needs a name of its own: write it as \`function ${name}(…) { … }\`.`;
  }
  return `${what}. ${notes.join('')}Pass ${free.length === 1 ? 'it as an argument' : 'them as arguments'}. ${wayOut(fn)}`;
}

/** What works for any function. */
function wayOut(fn: AnyFunction): string {
  const name = nameOf(fn);
  const exported = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : 'name';
  return `Or export the function from a module and send \`task(import.meta.url, '${exported}')\`.`;
}

function nativeReason(fn: AnyFunction): string {
  if (nameOf(fn).startsWith('bound ')) {
    return 'it is a bound function, and what it is bound to cannot be read (`[native code]`). Send the function itself.';
  }
  const what = 'it is native code or a Proxy (`[native code]`), and no global function that a worker has too';
  return `${what}. Send a function that calls it: \`(x) => …\`.`;
}

function refusal(fn: AnyFunction, text: string, reason: string): SerializationError {
  const kind = /^class\b/.test(text) ? 'Class' : 'Function';
  const line = text.replace(/\s+/g, ' ');
  const shown = nameOf(fn) || (line.length > 60 ? `${line.slice(0, 59)}…` : line);
  return new SerializationError(`${kind} \`${shown}\` cannot be sent to a worker: ${reason}`);
}

/** The function's own name; it may have been overwritten with anything. */
function nameOf(fn: AnyFunction): string {
  const name: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value;
  return typeof name === 'string' ? name : '';
}

/** `` `a`, `b` and `c` `` */
function list(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}
