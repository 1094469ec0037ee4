import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

const stamps = join(root, 'build', 'stamps');

/** The files below `path`, in a stable order; `path` itself if it is a file, nothing if it does not exist. */
function* files(path) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    yield path;
    return;
  }
  for (const name of readdirSync(path).sort()) yield* files(join(path, name));
}

/** A hash over the names and contents of everything below `paths`, and over the platform. */
export function fingerprint(paths) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const path of paths) {
    for (const file of files(join(root, path))) {
      const content = readFileSync(file);
      hash.update(`${file.slice(root.length)} ${content.length}\n`).update(content);
    }
  }
  return hash.digest('hex');
}

/** Whether `name` was last stamped with this fingerprint. */
export function stamped(name, print) {
  const file = join(stamps, name);
  return existsSync(file) && readFileSync(file, 'utf8') === print;
}

/** Remembers that `name` is up to date with this fingerprint. */
export function stamp(name, print) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, name), print);
}
