/** What remains to be given to `apply` after a function with parameters `A`. */
export type CallArguments<A extends readonly unknown[], O> = [] extends A
  ? [args?: Readonly<A>, options?: O]
  : [args: Readonly<A>, options?: O];

/** What a task's function returns, awaited. */
export type Outcome<R> = Awaited<R>;

/** A typed array of numbers. */
export type NumberArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

/** A typed array of BigInts. */
export type BigIntArray = BigInt64Array | BigUint64Array;

/** Options with which results come as `Promise.allSettled` gives them. */
export type Settled<O> = O & { settled: true };

/** The arguments of any function. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` stands for the arguments of every function
export type Arguments = readonly any[];
