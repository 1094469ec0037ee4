/**
 * What a whole isolate has one of, whatever the number of copies of the package in it. An isolate may have many contexts,
 * each with a global object of its own: test runners run every file in one. Node's own modules are the same in all of
 * them, and so keep it.
 */
const holder = process.getBuiltinModule('node:worker_threads') as unknown as { [key: symbol]: unknown };
const keyOf = (name: string): symbol => Symbol.for(`manycore.${name}`);

/** What is kept under `name`, if anything is. */
export function kept<T extends object>(name: string): T | undefined {
  return holder[keyOf(name)] as T | undefined;
}

/** Keeps `value` under `name`, for good. */
export function keep<T extends object>(name: string, value: T): T {
  Object.defineProperty(holder, keyOf(name), { value });
  return value;
}
