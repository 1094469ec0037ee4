import vm from 'node:vm';
import { builtinAt } from './builtins.js';
import { type AnyFunction, type Definition, definitions, type SourceDefinition } from './definition.js';
import { reference } from './reference.js';

export { resolveTask } from './resolve.js';

/** How many compiled functions are kept. A program that makes functions without end must not fill the worker's memory. */
const MAX_LOADED = 4096;

const loaded = new Map<string, AnyFunction>();

/**
 * The function that a definition stands for. A `source` is compiled once; a `module` gives a task reference, which
 * imports the module when it is called (or `resolveTask` gives the export itself).
 */
export function load(definition: Definition): AnyFunction {
  switch (definition.kind) {
    case 'source':
      return compiled(definition);
    case 'module':
      return reference(definition);
    case 'builtin': {
      const fn = builtinAt(definition.path);
      if (fn === undefined)
        throw new TypeError(`This runtime (${process.version}) has no function \`${definition.path}\``);
      return fn;
    }
  }
}

function compiled(definition: SourceDefinition): AnyFunction {
  const key = `${definition.file}\n${definition.name}\n${definition.source}`;
  let fn = loaded.get(key);
  if (fn === undefined) {
    fn = compile(definition);
    if (loaded.size >= MAX_LOADED) loaded.delete(loaded.keys().next().value as string);
    loaded.set(key, fn);
    // Sent on from here, it travels as it came.
    definitions.set(fn, definition);
  }
  return fn;
}

/** Compiles in the main context: the function sees globals, and nothing of this module. */
function compile({ source, name, file }: SourceDefinition): AnyFunction {
  const place = /#(\d+):(-?\d+)$/.exec(file);
  const imports = /\bimport\b/.test(source);
  if (imports) quietImports();
  const script = new vm.Script(source, {
    ...(file === '' ? {} : { filename: place === null ? file : file.slice(0, place.index) }),
    ...(place === null ? {} : { lineOffset: Number(place[1]), columnOffset: Number(place[2]) }),
    ...(imports ? { importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER } : {}),
  });
  const fn = script.runInThisContext() as AnyFunction;
  if (fn.name !== name) Object.defineProperty(fn, 'name', { value: name, configurable: true });
  return fn;
}

let quiet = false;

/**
 * Node warns once per thread that the loader option is experimental, at the first `import()` in a script. Users of a
 * function cannot act on that: the first import is one of ours, with the warning switched off while it begins.
 */
function quietImports(): void {
  if (quiet) return;
  quiet = true;
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    const script = new vm.Script("import('node:path')", {
      importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    (script.runInThisContext() as Promise<unknown>).catch(() => {});
  } finally {
    process.emitWarning = emitWarning;
  }
}
