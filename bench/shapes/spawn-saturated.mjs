import { saturated } from '../lib/saturated.mjs';

const peers = ['workerpool', 'tinypool'];

export default {
  title: 'Saturated numbers through 2 child processes: x + 1, one call each, 1,000 in flight',
  contenders: ['manycore', ...peers],
  ...saturated(
    'inc',
    (i) => i,
    (value, i) => value === i + 1,
    true,
  ),
  goals: [{ metric: 'rate', against: peers, atLeast: 3 }],
};
