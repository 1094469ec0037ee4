import { peers } from '../contenders/index.mjs';
import { smallObjects } from '../lib/drive.mjs';
import { saturated } from '../lib/saturated.mjs';

const objects = smallObjects(1024);

const right = (value, i) => {
  const { id, score, tags } = objects[i & 1023];
  return value.id === id && value.score === score * 2 && value.tags[0] === tags[1] && value.name.length > 5;
};

export default {
  title:
    'Saturated small objects: {id, name, score, tags: [a, b]} in, a changed one out, one call each, 1,000 in flight',
  contenders: ['manycore', ...peers, 'raw', 'python'],
  ...saturated('change', (i) => objects[i & 1023], right),
  goals: [{ metric: 'rate', against: peers, atLeast: 3, stretch: 5 }],
};
