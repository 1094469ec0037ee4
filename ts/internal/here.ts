// The program of a worker, and what is loaded when it is needed, are CommonJS files: there `import.meta.url` is empty and
// `__filename` is set. Node's own modules are asked for late, since a worker that starts needs none of them.
const script = typeof __filename === 'string' && !import.meta.url ? __filename : undefined;
const inWorkerProgram = script?.endsWith('worker.cjs') === true;

/** The URL of the file that this code runs from. */
export function here(): string {
  return script === undefined ? import.meta.url : process.getBuiltinModule('node:url').pathToFileURL(script).href;
}

/** The URL of the folder that holds the package's compiled code, with a slash at its end. */
export function packageRoot(): string {
  return new URL(inWorkerProgram ? './' : '../', here()).href;
}

/** `require` as this file sees it: of a package, or of a file beside it. */
export function requireHere(id: string): unknown {
  if (script !== undefined) return require(id);
  return process.getBuiltinModule('node:module').createRequire(import.meta.url)(id);
}

/** A file of `dist/bundle` that is loaded when it is needed, once for each isolate. */
export function requireBundle(name: string): unknown {
  return requireHere(inWorkerProgram ? `./bundle/${name}` : `./${name}`);
}
