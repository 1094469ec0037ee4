import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** What the figures were made on. */
export function machine() {
  const python = spawnSync('python3', ['--version'], { encoding: 'utf8' });
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    python: python.status === 0 ? python.stdout.trim() : null,
  };
}

/** The versions of manycore and of the peers that are installed. */
export function versions(peers) {
  const read = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).version;
  const found = peers.map((name) => [name, read(`../node_modules/${name}/package.json`)]);
  return { manycore: read('../../package.json'), ...Object.fromEntries(found) };
}
