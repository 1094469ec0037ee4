import { begin } from '../internal/birth.js';
import { requireBundle } from '../internal/here.js';
import type { Beside } from '../queues/wire.js';
import type { runChild } from './child.js';
import type { Bootstrap } from './launcher.js';
import type { ThreadData } from './thread-launcher.js';

/**
 * The program of a child. All that it does is in the bundle of the shared objects' classes, of which an isolate has one
 * copy; only how it learns what it is started with is here.
 */
const { setup, inProcess } = begin();
const bootstrap = setup as Bootstrap;
const child = requireBundle('shared.cjs') as { runChild: typeof runChild };

child.runChild({ bootstrap, beside: inProcess ? undefined : besideOf(bootstrap as ThreadData) });

/** What goes to and from a thread beside the bytes. */
function besideOf({ luggage, port }: ThreadData): Beside {
  let pieces = 0;
  return {
    attached: (id) => luggage[id],
    attach(value) {
      pieces++;
      port.postMessage([pieces, value]);
      return pieces;
    },
  };
}
