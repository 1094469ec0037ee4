import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.mjs';

/**
 * A suite of Rust tests: what `cargo` runs with these arguments, killed after so many minutes. `hint` is printed if no
 * test ran.
 */
export function cargoTests(name, args, { env, toolchain, hint, minutes = 15 } = {}) {
  return {
    name,
    async run() {
      const prefix = toolchain ? [`+${toolchain}`] : [];
      const { code, signal, output } = await run('cargo', [...prefix, ...args], {
        tee: true,
        env: { ...process.env, ...env },
        limit: minutes * 60_000,
      });
      let passed = 0;
      let failed = 0;
      for (const [, p, f] of output.matchAll(/^test result: \S+ (\d+) passed; (\d+) failed;/gm)) {
        passed += Number(p);
        failed += Number(f);
      }
      if (hint && passed + failed === 0) console.error(hint);
      return { code, signal, passed, failed };
    },
  };
}

/**
 * A suite of TypeScript tests: what vitest runs with this configuration, of these files if there are any, under the Node
 * at `node`; killed likewise.
 */
export function vitestTests(name, options = {}) {
  const { node = process.execPath, config = 'vitest.config.ts', files = [], env, minutes = 15 } = options;
  return {
    name,
    async run() {
      const folder = mkdtempSync(join(tmpdir(), 'manycore-'));
      try {
        const report = join(folder, 'vitest.json');
        const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
        const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', config, ...reporters, ...files];
        const { code, signal } = await run(node, args, { env: { ...process.env, ...env }, limit: minutes * 60_000 });
        if (!existsSync(report)) return { code, signal, passed: 0, failed: 0 };
        const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
        const tests = testResults.flatMap((file) => file.assertionResults);
        return { code, signal, passed: numPassedTests, failed: numFailedTests, tests };
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}

/** Runs one suite. What ends badly without naming a failed test, or runs nothing, counts as one failure. */
export async function runSuite(suite) {
  console.log(`\n== ${suite.name}`);
  const start = Date.now();
  let result = { passed: 0, failed: 0 };
  let problem = '';
  try {
    result = await suite.run();
    if (result.signal) problem = `was killed by ${result.signal}`;
    else if (result.failed === 0 && result.code !== 0) problem = `ended with exit code ${result.code}`;
    else if (result.passed + result.failed === 0) problem = 'ran no test';
  } catch (error) {
    problem = error.message;
  }
  if (problem) {
    console.error(`${suite.name}: ${problem}`);
    result.failed += 1;
  }
  return { tests: [], ...result, name: suite.name, seconds: (Date.now() - start) / 1000 };
}

/** Prints `N passed, N failed` as the last line and sets the exit code. */
export function finish(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  if (sum('failed') > 0) process.exitCode = 1;
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
}
