import { bigArray } from '../lib/arrays.mjs';

export default {
  title: 'A SharedArray of 64 MiB as the argument, to child processes',
  contenders: ['manycore'],
  ...bigArray(true, true),
  goals: [
    { metric: 'wall', atMost: 0.2 },
    { metric: 'growth', atMost: 1 },
  ],
};
