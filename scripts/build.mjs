// Builds the addon, the worker's bundle and the TypeScript modules, each if its sources have changed.
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cargo, library } from './lib/cargo.mjs';
import { fingerprint, stamp, stamped } from './lib/fingerprint.mjs';
import { must, root } from './lib/run.mjs';

const typescriptInputs = ['ts', 'tsconfig.json', 'package-lock.json', 'scripts/build.mjs'];

const steps = [
  {
    name: 'addon',
    inputs: ['crates', 'Cargo.toml', 'Cargo.lock'],
    output: 'build/Release/manycore.node',
    async run() {
      await cargo(['build', '--release', '-p', 'manycore-node']);
      const output = join(root, this.output);
      mkdirSync(join(root, 'build', 'Release'), { recursive: true });
      // Written beside and renamed, so that a process that has the old one loaded keeps it.
      copyFileSync(library(join(root, 'target', 'release')), `${output}.new`);
      renameSync(`${output}.new`, output);
    },
  },
  {
    name: 'worker',
    inputs: typescriptInputs,
    output: 'dist/worker.cjs',
    async run() {
      const { build: bundle } = await import('esbuild');
      await bundle({
        absWorkingDir: root,
        entryPoints: ['ts/worker/main.ts'],
        outfile: this.output,
        bundle: true,
        format: 'cjs',
        platform: 'node',
        target: 'node20',
        sourcemap: true,
        external: ['node-gyp-build', 'acorn'],
      });
    },
  },
  {
    name: 'modules',
    inputs: typescriptInputs,
    output: 'dist/index.js',
    async run() {
      await must(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);
      prune('');
    },
  },
];

/** Removes from dist what was made from a source that is gone. */
function prune(folder) {
  for (const entry of readdirSync(join(root, 'dist', folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (path.startsWith('worker.cjs')) continue;
    const source = entry.isDirectory() ? path : path.replace(/(\.d\.ts|\.js(\.map)?)$/, '.ts');
    if (!existsSync(join(root, 'ts', source))) rmSync(join(root, 'dist', path), { recursive: true });
    else if (entry.isDirectory()) prune(path);
  }
}

/** Runs every step whose inputs have changed since it last succeeded; all of them with `rebuild`. */
export async function build({ rebuild = false } = {}) {
  for (const step of steps) {
    const print = fingerprint(step.inputs);
    if (!rebuild && existsSync(join(root, step.output)) && stamped(step.name, print)) continue;
    await step.run();
    stamp(step.name, print);
  }
}
