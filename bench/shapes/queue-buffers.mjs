import { moving } from '../lib/moving.mjs';

export default {
  title: 'Queue: buffers of 1 MiB from one thread to another; `loop` copies each once, into a new one',
  contenders: ['manycore', 'channel', 'loop', 'python'],
  ...moving('buffers', { unit: 'GiB/s', factor: 1000 / 1024, count: 300, quickCount: 100 }),
  goals: [{ metric: 'rate', against: ['loop'], atLeast: 0.5 }],
};
