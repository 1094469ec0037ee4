'use strict';
const { runInThisContext } = require('node:vm');
const { parentPort } = require('node:worker_threads');

let run;
parentPort.on('message', (message) => {
  if (run) parentPort.postMessage(run(message));
  else run = runInThisContext(message);
});
