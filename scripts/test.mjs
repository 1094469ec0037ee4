// Sets everything up, then runs every Rust and TypeScript test. The last line is `N passed, N failed`.
import { join } from 'node:path';
import { root } from './lib/run.mjs';
import { cargoTests, finish, runSuite, vitestTests } from './lib/suites.mjs';
import { setup } from './setup.mjs';

const suites = [
  cargoTests('Rust tests', ['test', '--no-fail-fast', '-p', 'manycore-os', '-p', 'manycore-core']),
  // Built apart, because of the flag; without link-time optimisation, which gains nothing here and takes long.
  cargoTests('loom models', ['test', '--no-fail-fast', '--release', '-p', 'manycore-core', '--lib'], {
    env: {
      RUSTFLAGS: '--cfg loom',
      CARGO_TARGET_DIR: join(root, 'target', 'loom'),
      CARGO_PROFILE_RELEASE_LTO: 'off',
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
      LOOM_MAX_PREEMPTIONS: '2',
    },
  }),
  vitestTests('TypeScript tests'),
  // What can end a worker, and what a pool makes of it: once more with child processes.
  vitestTests('TypeScript tests of pools, in child processes', {
    env: { MANYCORE_TEST_CONTEXT: 'spawn' },
    files: [
      '__test__/lifecycle/exit.test.ts',
      '__test__/lifecycle/memory.test.ts',
      '__test__/lifecycle/throw.test.ts',
      '__test__/pool/abort.test.ts',
      '__test__/pool/imap.test.ts',
      '__test__/pool/queue.test.ts',
      '__test__/pool/retries.test.ts',
      '__test__/pool/timeout.test.ts',
      '__test__/pool/values.test.ts',
    ],
  }),
];

const results = [];
try {
  await setup();
  for (const suite of suites) results.push(await runSuite(suite));
} catch (error) {
  console.error(error.message);
  results.push({ passed: 0, failed: 1 });
}
finish(results);
