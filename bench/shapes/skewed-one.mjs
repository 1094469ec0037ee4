import { peers } from '../contenders/index.mjs';
import { skewed } from '../lib/skewed.mjs';

export default {
  title: 'Skewed load: one item of 400 ms, then 100 of 4 ms',
  contenders: ['manycore', ...peers, 'schedule'],
  ...skewed(() => [400, ...new Array(100).fill(4)]),
  goals: [
    { metric: 'ideal', atLeast: 96, stretch: 98 },
    { metric: 'ofSchedule', atLeast: 96, stretch: 98 },
  ],
};
