// The shapes in the order of the report. A shape is an object:
//
//   title, contenders   what is measured, and on whom
//   params(quick, machine)   plain data for every contender alike; it goes to results.json
//   metrics             { key: { label, unit, better: 'lower' | 'higher' } }; the first is the shape's own figure
//   setup(pool, params) once: starts, tunes, checks results in full and warms up; what it returns is `state`, and
//                       `state.info` goes to results.json
//   round(pool, params, state)   one measurement: { key: number }
//   derive(round)       optional: adds figures that need another contender's of the same round
//   goals               what manycore has to reach
//   fresh               true: every round in a process of its own, without setup
//   together            true: all contenders run their round at the same time, for rounds that only wait

export const names = [
  'cold-start-first',
  'cold-start-both',
  'one-in-flight',
  'blocking-call',
  'saturated-numbers',
  'saturated-objects',
  'main-thread',
  'map-numbers',
  'map-objects',
  'array-copied',
  'array-shared',
  'skewed-one',
  'skewed-pareto',
  'one-ms',
  'queue-each',
  'queue-many',
  'queue-buffers',
  'memory',
  'idle',
  'terminate',
  'spawn-first',
  'spawn-saturated',
  'spawn-array',
  'process-round-trip',
];

/** The shape of that name. */
export async function shape(name) {
  return (await import(`./${name}.mjs`)).default;
}
