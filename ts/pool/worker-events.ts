import { BrokenPoolError } from '../internal/errors.js';
import { getLogger } from '../internal/logging.js';
import { memory } from '../internal/memory.js';
import type { Core } from './core.js';
import type { EngineEvents } from './engine.js';
import type { Readiness } from './readiness.js';
import type { Tally } from './tally.js';
import { describeEnding, type Ending, infoOf, messageOf, type WorkerHandle } from './worker-handle.js';
import type { WorkersListener } from './workers.js';

/** What happens to a pool's workers, and what the pool makes of it. */
export class WorkerEvents implements WorkersListener {
  readonly #core: Core;
  readonly #events: EngineEvents;
  readonly #readiness: Readiness;
  readonly #tally: Tally;
  /** What the last worker threw that did not become ready: what keeps all from starting is told of once. */
  #hindrance: string | undefined;

  constructor(core: Core, events: EngineEvents, readiness: Readiness, tally: Tally) {
    this.#core = core;
    this.#events = events;
    this.#readiness = readiness;
    this.#tally = tally;
  }

  started(worker: WorkerHandle): void {
    this.#hindrance = undefined;
    this.#readiness.look();
    getLogger().debug('worker %d of pool %d is ready', worker.seat + 1, this.#core.id);
    this.#events.workerStart(infoOf(worker));
  }

  gone(worker: WorkerHandle): void {
    this.#tally.keep(worker);
  }

  ended(worker: WorkerHandle, ending: Ending): void {
    const [log, { id }] = [getLogger(), this.#core];
    if (worker.farewell !== undefined) log.debug('worker %d of pool %d has ended', worker.seat + 1, id);
    else log.warning('worker %d of pool %d has died: %s', worker.seat + 1, id, describeEnding(ending));
    if (worker.farewell !== 'killed' && this.#core.running) {
      if (worker.farewell === undefined) this.#core.restarts++;
      if (worker.failed && worker.started && !worker.hadTasks) this.#threw(worker, ending.error);
    }
    this.#events.workerExit(infoOf(worker), ending.exitCode);
  }

  #threw(worker: WorkerHandle, error: unknown): void {
    const hindrance = worker.ready ? undefined : messageOf(error);
    if (hindrance === undefined || hindrance !== this.#hindrance) this.#events.error(error);
    this.#hindrance = hindrance;
  }

  wanted(worker: WorkerHandle, slot: number): void {
    if (worker.body.port !== undefined) this.#core.slots.occupant(slot)?.giveParcel?.(worker.body.port);
  }

  initializerFailed(error: Error): void {
    void this.#core.end(
      () => error,
      () => error,
    );
  }

  broke(error: Error): void {
    // The first reason counts: that others end now is what follows from it.
    if (!this.#core.running) return;
    const again = () => new BrokenPoolError(error.message, { cause: error.cause });
    void this.#core.end(again, again);
  }

  decodeError(at: number, bytes: number): Error {
    memory.ensure(at + bytes);
    return this.#core.decoder.decodeOne(memory, at, at + bytes) as Error;
  }
}
