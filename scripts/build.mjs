// Builds the addon, the bundles of the package and of its workers, and the TypeScript modules, each if its sources have changed.
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
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
    // Few files start faster: importing the bundle takes half as long as importing the modules one by one.
    name: 'bundles',
    inputs: typescriptInputs,
    output: 'dist/worker.cjs',
    async run() {
      // The warning is about code that also runs in a module, and finds out where it is.
      const logOverride = { 'empty-import-meta': 'silent' };
      // Half the text is half the time to read it, at every start. Names are kept.
      const small = { minifyWhitespace: true, minifySyntax: true };
      // Nobody sees the names in a worker's program, which is read in every worker: they are shortened there.
      const worker = { entryPoints: ['ts/worker/main.ts'], outfile: this.output, minify: true };
      await bundle({ ...worker, format: 'cjs', logOverride });
      // One folder deep, as the modules are that look for files beside them. What the entries have in common is in files
      // whose names change with their contents: those of before must not pile up.
      rmSync(join(root, 'dist', 'bundle'), { recursive: true, force: true });
      // The classes of shared objects are in a file of their own: a worker has one copy of them, whoever asks for it first.
      const shared = { entryPoints: ['ts/shared.ts'], outfile: 'dist/bundle/shared.cjs', format: 'cjs', logOverride };
      await bundle({ ...shared, ...small });
      // The program of a child, which loads the classes.
      const child = { entryPoints: ['ts/process/main.ts'], outfile: 'dist/bundle/process.cjs', minify: true };
      await bundle({ ...child, format: 'cjs', logOverride });
      // What is loaded when it is needed: for values that are no numbers, and to send a function.
      const late = { 'ts/internal/codec/apart.ts': 'codec.cjs', 'ts/internal/functions/define.ts': 'define.cjs' };
      for (const [source, name] of Object.entries(late)) {
        const part = { entryPoints: [source], outfile: `dist/bundle/${name}`, minify: true };
        await bundle({ ...part, format: 'cjs', logOverride });
      }
      const entryPoints = { index: 'ts/index.ts', 'shared-memory': 'ts/shared-memory/index.ts' };
      const entries = { entryPoints, outdir: 'dist/bundle', format: 'esm', splitting: true };
      await bundle({ ...entries, plugins: [sharedIsApart, builtinsAreRequired], ...small });
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

/**
 * Leaves the shared objects' classes to their own bundle. It is required: to import a CommonJS file takes Node some
 * milliseconds, most of them to find out by itself what the file exports.
 */
const sharedIsApart = {
  name: 'shared is apart',
  setup(build) {
    build.onResolve({ filter: /\/shared\.js$/ }, () => ({ path: 'shared', namespace: 'apart' }));
    build.onLoad({ filter: /^shared$/, namespace: 'apart' }, () => {
      const require = createRequire(join(root, 'dist', 'bundle', 'index.js'));
      const names = Object.keys(require('./shared.cjs')).join(', ');
      const contents = `import { createRequire } from 'node:module';
        export const { ${names} } = createRequire(import.meta.url)('./shared.cjs');`;
      return { contents, resolveDir: root };
    });
  },
};

/**
 * An ES module that imports a module of Node's has it list all its exports, and so load what is behind the lazy ones: with
 * `node:fs` come promises and readline. To ask for the module itself takes a fraction of that.
 */
const builtinsAreRequired = {
  name: 'builtins are required',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      // Those that nobody imports are left out, as they have no side effects.
      const names = Object.keys(process.getBuiltinModule(path)).map(
        (name) => `export const ${name} = /* @__PURE__ */ (() => builtin.${name})();`,
      );
      return {
        contents: [`const builtin = process.getBuiltinModule('${path}');`, 'export default builtin;', ...names].join(
          '\n',
        ),
      };
    });
  },
};

/** Bundles TypeScript for Node, without the packages that manycore depends on. */
async function bundle(options) {
  const { build: esbuild } = await import('esbuild');
  const external = ['node-gyp-build', 'acorn'];
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    external,
    lineLimit: 160,
  };
  await esbuild({ ...common, ...options });
}

/** Removes from dist what was made from a source that is gone. */
function prune(folder) {
  for (const entry of readdirSync(join(root, 'dist', folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (path === 'bundle' || path.startsWith('worker.cjs')) continue;
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
