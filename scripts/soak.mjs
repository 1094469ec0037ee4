// The long tests: the core under miri, thousands of cycles of everything, and the ordinary tests on other versions of
// Node. Takes an hour or so, and writes what it found to docs/soak.md.
//
// A test of __test__/soak gives figures to that page by setting `task.meta.figures = { 'name, unit': value, … }`. Those of
// tests that differ in their seed alone (`…, seed 7`) are added up.
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

/** Tests of the core under miri. */
function miri(name, tests, flags) {
  return cargoTests(name, ['miri', 'test', '--no-fail-fast', '-p', 'manycore-core', ...tests], {
    toolchain: 'nightly',
    env: { MIRIFLAGS: flags.join(' '), CARGO_TARGET_DIR: join(root, 'target', 'miri') },
    minutes: 120,
    hint: 'miri comes with `rustup toolchain install nightly --component miri,rust-src`',
  });
}

// Without isolation the tests can read the clock. The others are what crossbeam-epoch needs, which the scheduler's deques
// use: it keeps its links as integers. Miri cannot follow these, and takes what hangs on them at the end for lost.
const isolation = ['-Zmiri-disable-isolation'];
const epoch = [
  '-Zmiri-preemption-rate=0',
  '-Zmiri-permissive-provenance',
  '-Zmiri-tree-borrows',
  '-Zmiri-ignore-leaks',
];

const suites = [
  miri('miri: units', ['--lib'], isolation),
  miri('miri: scheduler and rings', ['--test', '*'], [...isolation, ...epoch]),
  vitestTests('long tests', { config: 'vitest.soak.config.ts', minutes: 240 }),
  ...versions.map(onNode),
];

/** Rows of a table: test, figure, value. Tests that differ in their seed alone share a row per figure. */
function figureRows(tests) {
  const groups = new Map();
  for (const { fullName, meta } of tests) {
    if (meta.figures === undefined) continue;
    const name = fullName.replace(/, seed \d+$/, '');
    const group = groups.get(name) ?? { seeds: 0, figures: {} };
    groups.set(name, group);
    if (name === fullName) {
      group.figures = meta.figures;
      continue;
    }
    group.seeds += 1;
    for (const [figure, value] of Object.entries(meta.figures)) {
      group.figures[`total ${figure}`] = (group.figures[`total ${figure}`] ?? 0) + value;
    }
  }
  return [...groups].flatMap(([name, { seeds, figures }]) =>
    Object.entries(figures).map(
      ([figure, value]) => `| ${name}${seeds > 0 ? `, ${seeds} seeds` : ''} | ${figure} | ${value} |`,
    ),
  );
}

/** The page: one table of the suites, one of the figures. */
function page(results) {
  const suiteRows = results.map((r) => `| ${r.name} | ${r.passed} | ${r.failed} | ${Math.round(r.seconds)} s |`);
  return `# The soak run

Written by \`npm run test:soak\` on ${new Date().toISOString().slice(0, 10)}: ${machineLine(machine())}.

| suite | passed | failed | time |
|---|---|---|---|
${suiteRows.join('\n')}

## Figures of the long tests

| test | figure | value |
|---|---|---|
${figureRows(results.flatMap(({ tests }) => tests)).join('\n')}
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
