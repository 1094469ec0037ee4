// TypeScript declares WebAssembly among a browser's types only. With `--jitless` there is none.
const { WebAssembly } = globalThis as unknown as { WebAssembly?: { Module: new () => object } };
const Module = WebAssembly?.Module;

/** Whether this is a compiled WebAssembly module, which all threads can share. */
export function isWasmModule(value: unknown): boolean {
  return Module !== undefined && value instanceof Module;
}
