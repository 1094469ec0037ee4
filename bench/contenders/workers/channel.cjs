'use strict';
const { parentPort, workerData } = require('node:worker_threads');

// One end of a MessageChannel: puts or takes as many values as it is told to.
const { port } = workerData;
let [left, sum] = [0, 0];
port?.on('message', (value) => {
  sum += typeof value === 'number' ? value : value[0];
  if (--left === 0) parentPort.postMessage(sum);
});
parentPort.on('message', ({ put, how, count }) => {
  [left, sum] = [count, 0];
  if (!put) return parentPort.postMessage('ready');
  const buffer = new Uint8Array(1 << 20).fill(7);
  for (let i = 0; i < count; i++) port.postMessage(how === 'buffers' ? buffer : i);
});
