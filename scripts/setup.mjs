// Makes a clone ready for use: installs the packages and builds what is not up to date.
// Only Node's own modules are imported before the packages are installed.
//   --rebuild  builds everything, up to date or not
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { npm, root, script } from './lib/run.mjs';

/** Runs `npm ci` if node_modules is missing or older than package-lock.json. */
async function install() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  await npm(['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
}

/** Installs the packages and builds; throws an error with a plain message if that cannot be done. */
export async function setup(options) {
  await install();
  await build(options);
}

await script(import.meta.url, () => setup({ rebuild: process.argv.includes('--rebuild') }));
