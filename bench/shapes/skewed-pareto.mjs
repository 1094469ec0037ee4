import { peers } from '../contenders/index.mjs';
import { skewed } from '../lib/skewed.mjs';

/** 200 costs from a Pareto distribution of shape 1.2, at most 80 ms, the same in every run: 0.5 ms times u^(-1/1.2). */
function pareto() {
  let seed = 20;
  return Array.from({ length: 200 }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.min(80, 0.5 * (1 - seed / 2 ** 32) ** (-1 / 1.2));
  });
}

export default {
  title: 'Skewed load: 200 items with costs from a Pareto distribution (0.5 to 80 ms)',
  contenders: ['manycore', ...peers, 'schedule'],
  ...skewed(pareto),
  goals: [
    { metric: 'ideal', atLeast: 96, stretch: 98 },
    { metric: 'ofSchedule', atLeast: 96, stretch: 98 },
  ],
};
