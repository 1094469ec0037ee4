import { goals, rows } from './figures.mjs';

/** A number to about three digits, thousands separated. */
function number(value) {
  if (value === null) return '';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function table(head, lines) {
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const format = (cells) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])));
  return [head, ...lines].map((cells) => `  ${format(cells).join('  ')}`.trimEnd()).join('\n');
}

/** The text of one shape's result. */
export function shapeText(name, { work, entries, others }) {
  const parts = [`\n${name}: ${work.title}`];
  for (const [metric, { label, unit, better }] of Object.entries(work.metrics)) {
    const lines = rows(entries, metric, better).map((row) => [
      row.name,
      number(row.median),
      number(row.min),
      number(row.max),
      number(row.mad),
      row.times === null ? '' : `${number(row.times)} ×`,
    ]);
    if (lines.length === 0) continue;
    parts.push(
      table([`${label}, ${unit} (${better} is better)`, 'median', 'min', 'max', '± MAD', 'manycore is'], lines),
    );
  }
  const chosen = entries.flatMap(({ name: contender, info }) => {
    const text = info.chunks ? `${info.chunks} chunks` : describe(info.settings ?? {});
    return text === '' ? [] : `${contender} ${text}`;
  });
  if (chosen.length > 0) parts.push(`  best settings: ${chosen.join('; ')}`);
  if (others !== null) parts.push(`  other programs kept the machine ${Math.round(100 * others)} % busy meanwhile`);
  for (const { name: contender, failure } of entries)
    if (failure !== null) parts.push(`  ${contender} failed: ${failure}`);
  for (const goal of goals(work, entries)) parts.push(`  ${goalText(work, goal)}`);
  return parts.join('\n');
}

/** `{ a: 1, b: { c: 2 } }` as `a=1 c=2`. */
function describe(settings) {
  return Object.entries(settings)
    .map(([key, value]) => (typeof value === 'object' ? describe(value) : `${key}=${value}`))
    .join(' ');
}

function goalText(work, { metric, against, value, atLeast, atMost, stretch, reached, stretched }) {
  const { label, unit } = work.metrics[metric];
  const what = against === null ? `${number(value)} ${unit}` : `${number(value)} × ${against}`;
  const sign = atMost === undefined ? 'at least' : 'at most';
  const must = atLeast ?? atMost;
  const limits = [
    must === undefined ? [] : `${sign} ${number(must)}`,
    stretch === undefined ? [] : `better ${number(stretch)}`,
  ];
  const word = !reached ? 'MISSED' : stretched && stretch !== undefined ? 'reached, and better' : 'reached';
  return `goal, ${label}: ${what} (${limits.flat().join(', ')}): ${must === undefined && !stretched ? 'open' : word}`;
}

/** What results.json keeps of one shape: every round, and the figures of the table. */
export function shapeData({ work, params, entries, others }) {
  const metrics = Object.entries(work.metrics).map(([metric, { label, unit, better }]) => {
    const figures = rows(entries, metric, better).map(({ name, ...row }) => {
      const { rounds } = entries.find((entry) => entry.name === name);
      return [name, { ...row, rounds: rounds.map((round) => round?.[metric] ?? null) }];
    });
    return [metric, { label, unit, better, contenders: Object.fromEntries(figures) }];
  });
  return {
    title: work.title,
    params,
    otherPrograms: others,
    settings: Object.fromEntries(entries.map(({ name, info }) => [name, info])),
    failures: Object.fromEntries(entries.filter((entry) => entry.failure).map(({ name, failure }) => [name, failure])),
    metrics: Object.fromEntries(metrics),
    goals: goals(work, entries),
  };
}

/** JSON with four significant digits, lists of numbers on one line each. */
export function json(data) {
  const short = (_key, value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  const text = JSON.stringify(data, short, 2);
  return `${text.replace(/\[[-\d.,\seE+nul]*\]/g, (list) => list.replace(/\s+/g, ' ').replace(/^\[ | \]$/g, (s) => s.trim()))}\n`;
}
