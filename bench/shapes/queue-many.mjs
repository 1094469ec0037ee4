import { moving } from '../lib/moving.mjs';

export default {
  title: 'Queue: small numbers, one producer and one consumer on threads, putMany and getMany',
  contenders: ['manycore', 'channel', 'python'],
  ...moving('many', { unit: 'M/s', factor: 1e-3, count: 200_000, quickCount: 50_000 }),
  goals: [
    { metric: 'rate', against: ['python'], atLeast: 10 },
    { metric: 'rate', against: ['channel'], atLeast: 5 },
  ],
};
