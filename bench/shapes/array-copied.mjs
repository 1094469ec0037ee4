import { peers } from '../contenders/index.mjs';
import { bigArray } from '../lib/arrays.mjs';

export default {
  title: 'A Float64Array of 64 MiB as the argument, copied',
  contenders: ['manycore', ...peers, 'raw'],
  ...bigArray(false),
  goals: [],
};
