import { peers } from '../contenders/index.mjs';
import { smallObjects } from '../lib/drive.mjs';
import { mapping } from '../lib/mapping.mjs';

export default {
  title: 'map of 100,000 small objects: {id, name, score, tags: [a, b]} in, a changed one out',
  contenders: ['manycore', ...peers, 'loop', 'python'],
  ...mapping(
    'change',
    smallObjects,
    (value, id) =>
      value.id === id &&
      value.name === `ITEM ${id}` &&
      value.score === id / 4 &&
      value.tags.length === 2 &&
      value.tags[0] === `right ${id % 7}` &&
      value.tags[1] === `left ${id % 100}`,
  ),
  params: () => ({ workers: 2, items: 100_000, chunkCounts: [2, 4, 8, 16, 32] }),
  goals: [
    { metric: 'wall', against: peers, atLeast: 2, stretch: 4 },
    { metric: 'flat', against: peers, atLeast: 2, stretch: 4 },
  ],
};
