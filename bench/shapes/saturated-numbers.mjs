import { peers } from '../contenders/index.mjs';
import { saturated } from '../lib/saturated.mjs';

export default {
  title: 'Saturated numbers: x + 1, one call each, 1,000 in flight',
  contenders: ['manycore', ...peers, 'raw', 'python'],
  ...saturated(
    'inc',
    (i) => i,
    (value, i) => value === i + 1,
  ),
  goals: [{ metric: 'rate', against: peers, atLeast: 8, stretch: 10 }],
};
