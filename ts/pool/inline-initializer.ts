import type { ResolvedPoolOptions } from '../internal/options.js';
import { isThenable } from '../internal/thenable.js';
import { InlineFunction } from './inline-function.js';
import { type InlineInputs, inputOf } from './inline-inputs.js';
import type { Wire } from './inline-wire.js';

/** The initializer of an inline pool: it runs once, before the first task. */
export class InlineInitializer {
  /** What it returned. */
  state: unknown;
  readonly #work: { fn: InlineFunction; inputs: InlineInputs } | undefined;
  #stage: 'cold' | 'running' | 'done' = 'cold';
  readonly #wire: Wire;
  readonly #onDone: () => void;
  readonly #onFailed: (error: () => Error) => void;

  /** @throws SerializationError for a function or arguments that cannot be sent */
  constructor(
    wire: Wire,
    { initializer, initArgs }: ResolvedPoolOptions,
    onDone: () => void,
    onFailed: (error: () => Error) => void,
  ) {
    this.#wire = wire;
    this.#onDone = onDone;
    this.#onFailed = onFailed;
    if (initializer === undefined) return;
    this.#work = { fn: new InlineFunction(initializer), inputs: inputOf(wire, initArgs, 'initArgs') };
  }

  /** Whether tasks may start. */
  get done(): boolean {
    return this.#stage === 'done';
  }

  /** Runs it, if it has not run; a synchronous one is done when this returns. */
  run(): void {
    if (this.#stage !== 'cold') return;
    this.#stage = 'running';
    const work = this.#work;
    if (work === undefined) {
      this.#returned(undefined);
      return;
    }
    let value: unknown;
    try {
      value = work.fn.use((fn) => fn(...work.inputs.args(0)));
      if (isThenable(value)) {
        Promise.resolve(value).then(
          (state) => this.#returned(state),
          (error: unknown) => this.#threw(error),
        );
        return;
      }
    } catch (error) {
      this.#threw(error);
      return;
    }
    this.#returned(value);
  }

  #returned(state: unknown): void {
    this.state = state;
    this.#stage = 'done';
    this.#onDone();
  }

  #threw(error: unknown): void {
    this.#onFailed(() => this.#wire.thrown(error) as Error);
  }
}
