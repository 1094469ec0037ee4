// From rounds to figures: medians, spread, paired ratios, and whether the goals are reached.

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, least, most, and the median distance from the median. */
export function summary(values) {
  const middle = median(values);
  const mad = median(values.map((value) => Math.abs(value - middle)));
  return { median: middle, min: Math.min(...values), max: Math.max(...values), mad };
}

/** How many times better `a` is than `b`: the median of the ratios of the rounds where both are above 0. */
export function ratio(a, b, metric, better) {
  const ratios = [];
  for (let i = 0; i < Math.min(a.rounds.length, b.rounds.length); i++) {
    const [x, y] = [a.rounds[i]?.[metric], b.rounds[i]?.[metric]];
    if (x > 0 && y > 0) ratios.push(better === 'higher' ? x / y : y / x);
  }
  return ratios.length === 0 ? null : median(ratios);
}

/** One row per contender that has figures for this metric; `times` is how many times better manycore is. */
export function rows(entries, metric, better) {
  const manycore = entries.find((entry) => entry.name === 'manycore');
  const result = [];
  for (const entry of entries) {
    const values = entry.rounds.map((round) => round?.[metric]).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    const times = manycore === undefined || entry === manycore ? null : ratio(manycore, entry, metric, better);
    result.push({ name: entry.name, ...summary(values), times });
  }
  return result;
}

/** Every goal with what manycore got: `value` is absolute, or a ratio against the best of `goal.against`. */
export function goals(work, entries) {
  const manycore = entries.find((entry) => entry.name === 'manycore');
  if (manycore === undefined || manycore.rounds.length === 0) return [];
  return work.goals.flatMap((goal) => {
    const { better } = work.metrics[goal.metric];
    const found = rows(entries, goal.metric, better);
    const own = found.find((row) => row.name === 'manycore');
    if (own === undefined) return [];
    if (goal.against === undefined) return [verdict(goal, null, own.median)];
    const others = found.filter((row) => goal.against.includes(row.name));
    if (others.length === 0) return [];
    const best = others.reduce((a, b) => ((better === 'higher' ? b.median > a.median : b.median < a.median) ? b : a));
    return best.times === null ? [] : [verdict(goal, best.name, best.times)];
  });
}

function verdict(goal, against, value) {
  const reaches = (limit) => limit === undefined || (goal.atMost === undefined ? value >= limit : value <= limit);
  const { metric, atLeast, atMost, stretch } = goal;
  const reached = reaches(atMost ?? atLeast);
  return { metric, against, value, atLeast, atMost, stretch, reached, stretched: reached && reaches(stretch) };
}
