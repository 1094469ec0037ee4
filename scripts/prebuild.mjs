// Makes this platform's binary, below prebuilds/, where node-gyp-build looks for it in the installed package.
// prebuildify works in a folder of its own: it moves the file it finds in build/Release, which here is in use.
// Options of prebuildify may follow, such as `--arch arm64`.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { must, root, script } from './lib/run.mjs';
import { setup } from './setup.mjs';

/** The command that prebuildify runs as node-gyp. Windows starts no script by its first line. */
function nodeGyp() {
  const shim = join(root, 'scripts', 'cargo-gyp.cjs');
  return process.platform === 'win32' ? `node "${shim}"` : shim;
}

async function prebuild(options) {
  await setup();
  const folder = join(root, 'build', 'prebuild');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = ['--cwd', folder, '--out', root, '--name', 'manycore', '--napi', '--strip', '--node-gyp', nodeGyp()];
  if (process.platform === 'linux') args.push('--tag-libc');
  await must(process.execPath, ['node_modules/prebuildify/bin.js', ...args, ...options]);
}

await script(import.meta.url, () => prebuild(process.argv.slice(2)));
