import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { here } from './here.js';
import { native, useNative } from './native.js';

const require = createRequire(here);

/** Loads the addon into this isolate, once: a build of one's own, or the prebuilt binary for this platform. */
export function loadNative(): void {
  if (native !== undefined) return;
  const root = fileURLToPath(new URL('../..', here));
  let path: string;
  try {
    path = (require('node-gyp-build') as { path(dir: string): string }).path(root);
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    throw new Error(
      `manycore has no binary for ${platform} (Node ${process.versions.node}). Reinstall the package, or build it from source: npm run build`,
      { cause },
    );
  }
  useNative(require(path), path);
}
