import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Compiles the functions layer by itself, for real Node threads: Vitest rewrites what it loads, which changes the very
 * text that functions travel as. The folder is below node_modules, so that the parser is found.
 */
export async function compileFunctions(): Promise<{ url: string; remove: () => void }> {
  const folder = new URL(
    `../../node_modules/.cache/functions-test-${process.pid}-${Date.now()}/dist/`,
    import.meta.url,
  );
  mkdirSync(folder, { recursive: true });
  const file = new URL('functions.mjs', folder);
  await build({
    stdin: {
      contents: ['define', 'load', 'resolve', 'task'].map((name) => `export * from './${name}.js';`).join('\n'),
      resolveDir: fileURLToPath(new URL('../../ts/internal/functions/', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outfile: fileURLToPath(file),
    logLevel: 'error',
  });
  return {
    url: pathToFileURL(fileURLToPath(file)).href,
    remove: () => rmSync(new URL('../', folder), { recursive: true, force: true }),
  };
}
