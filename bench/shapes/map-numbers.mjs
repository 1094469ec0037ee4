import { peers } from '../contenders/index.mjs';
import { mapping } from '../lib/mapping.mjs';

export default {
  title: 'map of 1,000,000 numbers: x + 1',
  contenders: ['manycore', ...peers, 'loop', 'python'],
  ...mapping(
    'inc',
    (count) => Array.from({ length: count }, (_, i) => i),
    (value, i) => value === i + 1,
  ),
  params: () => ({ workers: 2, items: 1_000_000, chunkCounts: [2, 4, 8, 16, 32] }),
  goals: [
    { metric: 'wall', against: peers, atLeast: 8 },
    { metric: 'flat', against: peers, atLeast: 8 },
    { metric: 'wall', against: ['python'], atLeast: 5 },
    { metric: 'wall', against: ['loop'], stretch: 1 / 1.3 },
  ],
};
