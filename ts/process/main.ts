import { workerData } from 'node:worker_threads';
import { requireBundle } from '../internal/here.js';
import type { runChild } from './child.js';
import type { ThreadData } from './thread-launcher.js';

/**
 * The program of a child. All that it does is in the bundle of the shared objects' classes, of which an isolate has one
 * copy; only how it learns what it is started with is here.
 */
const data = workerData as ThreadData;
const child = requireBundle('shared.cjs') as { runChild: typeof runChild };
let pieces = 0;

child.runChild({
  bootstrap: data,
  beside: {
    attached: (id) => data.luggage[id],
    attach(value) {
      pieces++;
      data.port.postMessage([pieces, value]);
      return pieces;
    },
  },
});
