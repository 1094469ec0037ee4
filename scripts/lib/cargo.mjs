import { join } from 'node:path';
import { must } from './run.mjs';

/** Runs cargo, which must succeed. Without Rust, the error says how to get it. */
export async function cargo(args, options) {
  try {
    await must('cargo', args, options);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(
      'manycore is built with Rust, and there is no `cargo` here: install it from https://rustup.rs, then try again.',
    );
  }
}

/** The path of the addon's library in cargo's output `folder`, by the platform it was built for. */
export function library(folder, platform = process.platform) {
  if (platform === 'win32') return join(folder, 'manycore_node.dll');
  return join(folder, platform === 'darwin' ? 'libmanycore_node.dylib' : 'libmanycore_node.so');
}
