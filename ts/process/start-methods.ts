import { StateError } from '../internal/errors.js';
import { ofType, optionsOf } from '../internal/options/checks.js';
import { type StartMethod, self } from '../internal/self.js';
import { START_METHODS, startMethodOf } from '../internal/start-method.js';

const checks = { force: ofType('boolean') };

/**
 * Chooses how this process starts others, pools' workers too, where no `context` is given. Call it once, at the beginning.
 *
 * Python: `multiprocessing.set_start_method(method, force=False)`.
 * @param options `force`: also if it was chosen before
 * @throws RangeError for a method that there is not; StateError if it was chosen before
 */
export function setStartMethod(method: StartMethod, options: { force?: boolean } = {}): void {
  const { force = false } = optionsOf<{ force?: boolean }>(options, checks);
  const name = startMethodOf(method, 'method');
  const own = self();
  if (own.chosen && !force) {
    throw new StateError(
      `The start method has been set already, to '${own.method}'; \`{ force: true }\` sets it again`,
    );
  }
  own.method = name;
  own.chosen = true;
}

/**
 * How this process starts others: what was set or, in a process that was started, the way in which it was started.
 *
 * Python: `multiprocessing.get_start_method()`.
 */
export function getStartMethod(): StartMethod {
  return self().method;
}

/** The start methods that there are, the default first. Python: `multiprocessing.get_all_start_methods()`. */
export function getAllStartMethods(): StartMethod[] {
  return [...START_METHODS];
}
