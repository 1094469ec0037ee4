/** On the prototype of every error class of the package: the name of the class. All copies of the package know it. */
export const BRAND: unique symbol = Symbol.for('manycore.error') as never;

/** Whether `prototype` is that of the error class `name`, in any copy of the package. */
export function isBranded(name: string, prototype: object): boolean {
  return Object.hasOwn(prototype, BRAND) && (prototype as { [BRAND]: unknown })[BRAND] === name;
}
