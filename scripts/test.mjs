// Sets everything up, then runs every Rust and TypeScript test. The last line is `N passed, N failed`.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './lib/run.mjs';
import { setup } from './setup.mjs';

const report = join(root, 'build', 'vitest.json');

const suites = [
  {
    name: 'Rust tests',
    run: () => run('cargo', ['test', '--no-fail-fast', '-p', 'manycore-os', '-p', 'manycore-core'], { tee: true }),
    count: countCargo,
  },
  {
    // Built apart, because of the flag; without link-time optimisation, which would double the time to build.
    name: 'loom models',
    run: () =>
      run('cargo', ['test', '--no-fail-fast', '--release', '-p', 'manycore-core', 'loom'], {
        tee: true,
        env: {
          ...process.env,
          RUSTFLAGS: '--cfg loom',
          CARGO_TARGET_DIR: join(root, 'target', 'loom'),
          CARGO_PROFILE_RELEASE_LTO: 'off',
          CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
          LOOM_MAX_PREEMPTIONS: process.env.LOOM_MAX_PREEMPTIONS ?? '2',
        },
      }),
    count: countCargo,
  },
  {
    name: 'TypeScript tests',
    run: () => {
      rmSync(report, { force: true });
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
      return run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...reporters]);
    },
    count: () => {
      const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
      return { passed: numPassedTests, failed: numFailedTests };
    },
  },
];

/** Adds up cargo's `test result:` lines. */
function countCargo(output) {
  let passed = 0;
  let failed = 0;
  for (const [, p, f] of output.matchAll(/^test result: \S+ (\d+) passed; (\d+) failed;/gm)) {
    passed += Number(p);
    failed += Number(f);
  }
  return { passed, failed };
}

/** Runs one suite; what ended badly without naming a failed test, or ran nothing, counts as one failure. */
async function runSuite(suite) {
  console.log(`\n== ${suite.name}`);
  try {
    const { code, output } = await suite.run();
    const { passed, failed } = suite.count(output);
    if (failed > 0 || (code === 0 && passed > 0)) return { passed, failed };
    console.error(passed === 0 ? `${suite.name}: nothing ran` : `${suite.name}: ended with exit code ${code}`);
    return { passed, failed: 1 };
  } catch (error) {
    console.error(`${suite.name}: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

let passed = 0;
let failed = 0;
try {
  await setup();
  for (const suite of suites) {
    const result = await runSuite(suite);
    passed += result.passed;
    failed += result.failed;
  }
} catch (error) {
  console.error(error.message);
  failed += 1;
}
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);
