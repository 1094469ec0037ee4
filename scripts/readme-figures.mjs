// Writes the figures of the last whole run of the benchmark, bench/results.json, into the README.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineLine } from './lib/machine-line.mjs';
import { root, script } from './lib/run.mjs';

const start = '<!-- figures: written by scripts/readme-figures.mjs -->';
const end = '<!-- end of figures -->';

// What a row compares with: not the baselines (a plain loop, bare messages), which are no pools.
const npmPackages = ['piscina', 'tinypool', 'workerpool', 'poolifier', 'synckit'];

/** A number to about three digits. */
function number(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The row of one shape, by its first metric: manycore, the best package from npm, Python. */
function row({ title, metrics }) {
  const [{ unit, better, contenders }] = Object.values(metrics);
  const { manycore, python } = contenders;
  const others = Object.entries(contenders).filter(([name]) => npmPackages.includes(name));
  const sign = better === 'higher' ? -1 : 1;
  const [best] = others.sort(([, a], [, b]) => sign * (a.median - b.median));
  const cell = (name, figure) => `${number(figure.median)} ${unit}${name} (${number(figure.times)} ×)`;
  const bestCell = best ? cell(`, ${best[0]}`, best[1]) : '';
  return `| ${title} | ${number(manycore.median)} ${unit} | ${bestCell} | ${python ? cell('', python) : ''} |`;
}

/** The README with `results` between its two marks. */
export function withFigures(readme, results) {
  const [before, rest] = readme.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`README.md has lost its marks: ${start} … ${end}`);
  const shapes = Object.values(results.shapes).filter((shape) => Object.values(shape.metrics)[0].contenders.manycore);
  const text = `## Figures

Medians of ${results.rounds} rounds, side by side in one run of \`npm run bench\`, two workers each, on
${machineLine(results.machine)}. In brackets: how many times better manycore is, round by round.

| what | manycore | best package from npm | Python |
|---|---|---|---|
${shapes.map(row).join('\n')}`;
  return `${before}${start}\n\n${text}\n\n${end}${after}`;
}

await script(import.meta.url, () => {
  const readme = join(root, 'README.md');
  const results = JSON.parse(readFileSync(join(root, 'bench', 'results.json'), 'utf8'));
  writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), results));
});
