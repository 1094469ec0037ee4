import { peers } from '../contenders/index.mjs';
import { bigArray } from '../lib/arrays.mjs';

export default {
  title: 'A Float64Array of 64 MiB as the argument, over a SharedArrayBuffer',
  contenders: ['manycore', ...peers, 'raw'],
  ...bigArray(true),
  goals: [
    { metric: 'wall', atMost: 0.2 },
    { metric: 'growth', atMost: 1 },
  ],
};
