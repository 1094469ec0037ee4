/**
 * What is bundled apart and loaded when it is needed: the codec, which is half of what a worker can need while many tasks
 * take and give numbers only, and the analysis of functions, which few workers and queues ever send.
 */
import type * as bundle from './codec/apart.js';
import type { Decoder, Encoder, Hooks } from './codec/index.js';
import type * as functions from './functions/define.js';
import { type AnyFunction, type Definition, definitions } from './functions/definition.js';
import { requireBundle } from './here.js';
import { nativePath } from './native.js';

/** How a function travels; see `define`. */
export function defineLate(fn: AnyFunction): Definition {
  return definitions.get(fn) ?? (requireBundle('define.cjs') as typeof functions).define(fn);
}

/** An encoder and a decoder with the same hooks. */
export class LateCodec {
  readonly #hooks: Hooks;
  #bundle: typeof bundle | undefined;
  #encoder: Encoder | undefined;
  #decoder: Decoder | undefined;

  readonly #label: string;

  /** @param label - what errors call the encoder's values, until it is told otherwise */
  constructor(hooks: Hooks, label: string) {
    this.#hooks = hooks;
    this.#label = label;
  }

  get encoder(): Encoder {
    if (this.#encoder === undefined) {
      this.#encoder = new (this.#load().Encoder)(this.#hooks);
      this.#encoder.label = this.#label;
    }
    return this.#encoder;
  }

  get decoder(): Decoder {
    this.#decoder ??= new (this.#load().Decoder)(this.#hooks);
    return this.#decoder;
  }

  /** Loads it now. */
  prepare(): void {
    this.#load();
  }

  #load(): typeof bundle {
    if (this.#bundle === undefined) {
      this.#bundle = requireBundle('codec.cjs') as typeof bundle;
      this.#bundle.useNative(nativePath);
    }
    return this.#bundle;
  }
}
