import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { packageRoot } from '../here.js';
import { parseFile } from './acorn.js';
import { analyse, type Reference } from './scope.js';

/** A larger file is most likely a bundle: parsing it would take longer than its answer is worth. */
const MAX_PARSED = 256 * 1024;

/** A name that is written with escapes, or one behind `function` and a comment. */
const HIDDEN_NAME = /\\u(00[2-7]|\{0*[2-7][\da-fA-F]\})|\bfunction\s*\*?\s*\//;

/** The URL of the file that called into this package; empty if no file did (`node -e`, the REPL). */
export function callerFile(): string {
  const files = stackFiles();
  // A program that was bundled together with this package has no file outside of it: then its outermost frame.
  const root = packageRoot();
  return files.find((file) => !file.startsWith(root)) ?? files.at(-1) ?? '';
}

/** The files on the stack, innermost first; empty for code of the command line and the like. */
function stackFiles(): string[] {
  const Local = localError();
  const { prepareStackTrace, stackTraceLimit } = Local;
  let names: (string | null | undefined)[];
  try {
    Local.stackTraceLimit = 50;
    Local.prepareStackTrace = (_error, sites) => sites.map((site) => site.getFileName());
    names = new Local().stack as unknown as (string | null | undefined)[];
  } finally {
    Local.prepareStackTrace = prepareStackTrace;
    Local.stackTraceLimit = stackTraceLimit;
  }
  // Functions of V8 and Node are no callers: `[].map(pool.apply)`.
  return names
    .filter((name) => typeof name === 'string' && !name.startsWith('node:'))
    .map((name) => toUrl(name as string));
}

let thawed: ErrorConstructor | undefined;

/** `Error`, or one of another realm where it cannot be told how to show its stack (`--frozen-intrinsics`). */
function localError(): ErrorConstructor {
  if (!Object.isFrozen(Error)) return Error;
  thawed ??= runInNewContext('Error') as ErrorConstructor;
  return thawed;
}

function toUrl(name: string): string {
  if (name.startsWith('file:')) return name.replace(/#.*$/, '');
  return isAbsolute(name) ? pathToFileURL(name).href : '';
}

/** A function's text, found in the file that it comes from. */
export class Place {
  readonly #text: string;
  readonly #start: number;
  readonly #length: number;

  private constructor(text: string, start: number, length: number) {
    this.#text = text;
    this.#start = start;
    this.#length = length;
  }

  /** Finds a function's text; `undefined` if the file cannot be read, or has it not exactly once. */
  static find(file: string, source: string): Place | undefined {
    let text: string;
    try {
      text = readFileSync(fileURLToPath(file), 'utf8');
    } catch {
      return undefined;
    }
    const start = text.indexOf(source);
    if (start < 0 || text.indexOf(source, start + 1) >= 0) return undefined;
    return new Place(text, start, source.length);
  }

  /** The line and column, from 0, of a character of the function. */
  position(offset: number): { line: number; column: number } {
    const before = this.#text.slice(0, this.#start + offset);
    const lineStart = before.lastIndexOf('\n') + 1;
    let line = 0;
    for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) line++;
    return { line, column: before.length - lineStart };
  }

  /**
   * Whether the file may declare `name` somewhere. Not if every use is one that no declaration can look like: `name.x`,
   * `x.name`, `typeof name`, `=== name`, or `name(` and no function is made there.
   */
  mayDeclare(name: string): boolean {
    const text = this.#text;
    if (text.length > MAX_PARSED) return false;
    if (HIDDEN_NAME.test(text)) return true;
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      const before = text.slice(Math.max(0, at - 12), at);
      const after = text.slice(at + name.length, at + name.length + 2);
      if (/[\w$]$/.test(before) || /^[\w$]/.test(after)) continue; // part of another name
      if (/^\.[A-Za-z_$]/.test(after) || /(^|[^.])\.$/.test(before)) continue;
      if (/(\b(new|typeof|instanceof)|[!=]==?) $/.test(before)) continue;
      if (after[0] === '(' && /([^\w$\s*/]|\b(return|await))\s*$/.test(before)) continue;
      return true;
    }
    return false;
  }

  /**
   * The names that the function uses and the file declares around it. It finds what the function's own text cannot show:
   * that its `setTimeout` is the one of `node:timers/promises`, not the global one.
   */
  declaredAround(): Set<string> {
    if (this.#text.length > MAX_PARSED) return new Set();
    let references: Reference[];
    try {
      references = analyse(parseFile(this.#text), false).references;
    } catch {
      return new Set(); // TypeScript, JSX or another language
    }
    const end = this.#start + this.#length;
    const inside = references.filter(({ start }) => start >= this.#start && start < end);
    return new Set(inside.filter(({ declared }) => declared).map(({ name }) => name));
  }
}
