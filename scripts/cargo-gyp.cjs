#!/usr/bin/env node
// What prebuildify starts in place of node-gyp: builds the addon with cargo for the platform that
// prebuildify names in the environment, and puts it where node-gyp would have put it.
const { execFileSync } = require('node:child_process');
const { copyFileSync, mkdirSync } = require('node:fs');
const { join } = require('node:path');

const { PREBUILD_PLATFORM: platform, PREBUILD_ARCH: arch, PREBUILD_LIBC: libc } = process.env;
const root = join(__dirname, '..');

const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch];
const system = {
  linux: libc === 'musl' ? 'unknown-linux-musl' : 'unknown-linux-gnu',
  darwin: 'apple-darwin',
  win32: 'pc-windows-msvc',
}[platform];
if (!cpu || !system) throw new Error(`manycore has no binaries for ${platform}-${arch}`);
const target = `${cpu}-${system}`;

// The machine's own platform is built where `npm run build` builds it, and so only once.
const host = /^host: (.+)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))[1];
const cross = target === host ? [] : ['--target', target];
execFileSync('cargo', ['build', '--release', '-p', 'manycore-node', ...cross], { cwd: root, stdio: 'inherit' });

import('./lib/cargo.mjs').then(({ library }) => {
  const output = join(process.cwd(), 'build', 'Release');
  mkdirSync(output, { recursive: true });
  copyFileSync(library(join(root, 'target', ...cross.slice(1), 'release'), platform), join(output, 'manycore.node'));
});
