/** How a function travels: what is sent in its place. */
export type Definition = SourceDefinition | ModuleDefinition | BuiltinDefinition;

/** A function that needs nothing from the code around it, as text. */
export interface SourceDefinition {
  readonly kind: 'source';
  /** A whole script whose value is the function; strict or sloppy as the original was. */
  readonly source: string;
  readonly name: string;
  /**
   * The file URL of the code that sent the function: the base of its `import()`s, and what stack traces show. Its fragment
   * is `#LINE:COLUMN`, the offsets of the script, if the function was found in that file, and else `#` and a name.
   * Empty if no file is known (`node -e`, the REPL).
   */
  readonly file: string;
  /** Whether it is an `async` function. */
  readonly async: boolean;
}

/** An export of a module, which the receiver imports. */
export interface ModuleDefinition {
  readonly kind: 'module';
  readonly url: string;
  readonly name: string;
}

/** A function of the language or of Node, by its path from `globalThis`: `Math.sqrt`. */
export interface BuiltinDefinition {
  readonly kind: 'builtin';
  readonly path: string;
}

/** What to call the function that a definition stands for, for people. */
export function nameOf(definition: Definition): string {
  return definition.kind === 'builtin' ? definition.path : definition.name || 'anonymous';
}

// biome-ignore lint/suspicious/noExplicitAny: only `any` stands for the parameters of every function
export type AnyFunction = (...args: any[]) => any;

/** One per isolate, whatever the number of copies of this module: each bundle has one. */
const known = Symbol.for('manycore.definitions');
const scope = globalThis as { [known]?: WeakMap<AnyFunction, Definition> };
if (scope[known] === undefined) Object.defineProperty(scope, known, { value: new WeakMap() });

/** The definitions of functions that were sent or received before: the work is done once per function. */
export const definitions = scope[known] as WeakMap<AnyFunction, Definition>;

/** The brand of task references. It is registered, so that two copies of the package know each other's tasks. */
export const TASK = Symbol.for('manycore.task');

/** The definition that a task reference stands for; `undefined` for any other value. */
export function definitionOfTask(value: unknown): Definition | undefined {
  if (typeof value !== 'function' || !Object.hasOwn(value, TASK)) return undefined;
  return (value as unknown as { [TASK]: Definition })[TASK];
}
