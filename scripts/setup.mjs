// Makes a clone ready for use: installs the packages and builds what is not up to date.
// Only Node's own modules are imported before the packages are installed.
//   --rebuild  builds everything, up to date or not
//   --bench    also installs the packages that the benchmark compares with
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { npm, root, script } from './lib/run.mjs';

/** Runs `npm ci` in `folder` if its node_modules are missing or older than its package-lock.json. */
async function install(folder) {
  const installed = join(folder, 'node_modules', '.package-lock.json');
  const lock = join(folder, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  await npm(['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder });
}

/** Installs the packages and builds; throws an error with a plain message if that cannot be done. */
export async function setup({ rebuild = false, bench = false } = {}) {
  await install(root);
  if (bench) await install(join(root, 'bench'));
  await build({ rebuild });
}

await script(import.meta.url, () =>
  setup({ rebuild: process.argv.includes('--rebuild'), bench: process.argv.includes('--bench') }),
);
