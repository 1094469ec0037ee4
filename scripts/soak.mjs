// The long tests: the core under miri, thousands of cycles of everything, and the ordinary tests on other versions of
// Node. Takes two hours or so, and writes what it found to docs/soak.md.
//
// With words, as in `npm run test:soak -- miri 'Node 26'`, only the suites whose names begin so: the page keeps what it
// says of the others.
//
// A test of __test__/soak gives figures to that page by setting `task.meta.figures = { 'name, unit': value, … }`. Those of
// tests that differ in their seed alone (`…, seed 7`) are added up.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const node = join(prefix, 'node_modules', name, 'bin', 'node');
  const suite = vitestTests(`Node ${version}`, { node, minutes: 30 });
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

const pagePath = join(root, 'docs', 'soak.md');

/** The rows of the page's two tables that begin with this name. */
function rowsOf(page, name) {
  return page.split('\n').filter((line) => line.startsWith(`| ${name} |`));
}

/** The page: a table of the suites, and one of the figures of the long tests. What did not run now stays as it was. */
function page(results, before) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const on = machine();
  const when = `${new Date().toISOString().slice(0, 10)}, ${commit}, ${on.cpu.trim()}`;
  const suiteRows = suites.flatMap(({ name }) => {
    const result = results.find((r) => r.name === name);
    if (result === undefined) return rowsOf(before, name);
    return [`| ${name} | ${result.passed} | ${result.failed} | ${Math.round(result.seconds)} s | ${when} |`];
  });
  const figures = figureRows(results.flatMap(({ tests }) => tests));
  const head = '| test | figure | value |\n|---|---|---|\n';
  const kept = before.split(head)[1]?.trimEnd() ?? '';
  return `# The soak run

Written by \`npm run test:soak\`, last on ${machineLine(on)}.

| suite | passed | failed | time | date, commit, processor |
|---|---|---|---|---|
${suiteRows.join('\n')}

## Figures of the long tests

${head}${figures.length > 0 ? figures.join('\n') : kept}
`;
}

const words = process.argv.slice(2);
const chosen = suites.filter(({ name }) => words.length === 0 || words.some((word) => name.startsWith(word)));
const results = [];
try {
  await setup();
  if (chosen.length === 0)
    throw new Error(`No suite begins with ${words.join(' or ')}: ${suites.map(({ name }) => name).join(', ')}`);
  for (const suite of chosen) results.push(await runSuite(suite));
  writeFileSync(pagePath, page(results, existsSync(pagePath) ? readFileSync(pagePath, 'utf8') : ''));
} catch (error) {
  console.error(error.message);
  results.push({ passed: 0, failed: 1 });
} finally {
  rmSync(folder, { recursive: true });
}
finish(results);
