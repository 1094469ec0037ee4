// The long tests: the core under miri, thousands of cycles of everything, and the ordinary tests on other versions of
// Node. Takes an hour or so, and writes what it found to docs/soak.md.
//
// A test of __test__/soak gives figures to that page by setting `task.meta.figures = { 'name, unit': value, … }`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machine } from '../bench/lib/machine.mjs';
import { machineLine } from './lib/machine-line.mjs';
import { npm, root } from './lib/run.mjs';
import { cargoTests, finish, runSuite, vitestTests } from './lib/suites.mjs';
import { setup } from './setup.mjs';

const versions = [22, 24, 26];
const folder = mkdtempSync(join(tmpdir(), 'manycore-'));

/** The ordinary tests under a version of Node that npm brings. */
function onNode(version) {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(folder, String(version));
  const suite = vitestTests(`Node ${version}`, { node: join(prefix, 'node_modules', name, 'bin', 'node') });
  return {
    ...suite,
    async run() {
      await npm(['install', '--no-audit', '--no-fund', '--prefix', prefix, `${name}@${version}`], { cwd: folder });
      return suite.run();
    },
  };
}

// Without isolation the tests can read the clock; the rest is what crossbeam's own deque and epoch need.
const miriFlags = '-Zmiri-disable-isolation -Zmiri-preemption-rate=0 -Zmiri-permissive-provenance -Zmiri-tree-borrows';

const suites = [
  cargoTests('miri', ['miri', 'test', '--no-fail-fast', '-p', 'manycore-core'], {
    toolchain: 'nightly',
    env: { MIRIFLAGS: miriFlags, CARGO_TARGET_DIR: join(root, 'target', 'miri') },
    minutes: 120,
    hint: 'miri comes with `rustup toolchain install nightly --component miri,rust-src`',
  }),
  vitestTests('long tests', { config: 'vitest.soak.config.ts', minutes: 240 }),
  ...versions.map(onNode),
];

/** The page: one table of the suites, one of the figures. */
function page(results) {
  const suiteRows = results.map((r) => `| ${r.name} | ${r.passed} | ${r.failed} | ${Math.round(r.seconds)} s |`);
  const figureRows = results.flatMap(({ tests }) =>
    tests.flatMap(({ fullName, meta }) =>
      Object.entries(meta.figures ?? {}).map(([figure, value]) => `| ${fullName} | ${figure} | ${value} |`),
    ),
  );
  return `# The soak run

Written by \`npm run test:soak\` on ${new Date().toISOString().slice(0, 10)}: ${machineLine(machine())}.

| suite | passed | failed | time |
|---|---|---|---|
${suiteRows.join('\n')}

## Figures of the long tests

| test | figure | value |
|---|---|---|
${figureRows.join('\n')}
`;
}

const results = [];
try {
  await setup();
  for (const suite of suites) results.push(await runSuite(suite));
  writeFileSync(join(root, 'docs', 'soak.md'), page(results));
} catch (error) {
  console.error(error.message);
  results.push({ passed: 0, failed: 1 });
} finally {
  rmSync(folder, { recursive: true });
}
finish(results);
