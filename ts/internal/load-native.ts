import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ManycoreError } from './errors.js';
import { here, requireHere } from './here.js';
import { native, useNative } from './native.js';

/** Loads the addon into this isolate, once: a build of one's own, or the prebuilt binary for this platform. */
export function loadNative(): void {
  if (native !== undefined) return;
  const root = fileURLToPath(new URL('../..', here()));
  let path: string;
  try {
    path = usualPath(root) ?? (requireHere('node-gyp-build') as { path(dir: string): string }).path(root);
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    throw new Error(
      `manycore has no binary for ${platform} (Node ${process.versions.node}). Reinstall the package, or build it from source: npm run build`,
      { cause },
    );
  }
  try {
    useNative(path);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED' ? disabled(error) : error;
  }
}

function disabled(cause: unknown): Error {
  // With `--permission`, addons are among what has to be allowed.
  const way = 'permission' in process ? 'start Node with `--allow-addons` too' : 'start Node without `--no-addons`';
  return new ManycoreError(`manycore is a native addon, which this process may not load: ${way}`, { cause });
}

/** What node-gyp-build would answer in most cases, some milliseconds earlier. */
function usualPath(root: string): string | undefined {
  const { env, platform, arch } = process;
  const asked = ['MANYCORE_PREBUILD', 'PREBUILDS_ONLY', 'LIBC', 'npm_config_arch', 'npm_config_platform'];
  if (asked.some((name) => env[name])) return undefined;
  // Both are named by scripts: build.mjs and prebuild.mjs.
  const own = `${root}build/Release/manycore.node`;
  if (existsSync(own)) return own;
  const libc = platform === 'linux' ? (existsSync('/etc/alpine-release') ? '.musl' : '.glibc') : '';
  const ready = `${root}prebuilds/${platform}-${arch}/manycore${libc}.node`;
  return existsSync(ready) ? ready : undefined;
}
