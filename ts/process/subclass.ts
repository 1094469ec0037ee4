import { SerializationError } from '../internal/errors.js';
import { callerFile } from '../internal/functions/caller.js';
import { importedModule } from '../internal/functions/resolve.js';
import { scriptOf } from './script.js';

// biome-ignore lint/suspicious/noExplicitAny: any class
type AnyClass = abstract new (...args: any[]) => object;

/** Where a class is found: in an export of a module. */
export interface Home {
  readonly module: string;
  readonly name: string;
}

const homes = new WeakMap<AnyClass, Home>();

/**
 * Where the class of a process is found.
 * @throws SerializationError for a class without a name, or one that is in no file
 */
export function homeOf(C: AnyClass): Home {
  let home = homes.get(C);
  if (home === undefined) {
    if (C.name === '')
      throw new SerializationError('A process of a class without a name cannot be sent: name the class');
    const module = scriptOf(C) ?? callerFile();
    if (!module.startsWith('file:')) {
      throw new SerializationError(
        `Class \`${C.name}\` cannot be found by a new process: it is in no file. Export it from a module`,
      );
    }
    home = { module, name: C.name };
    homes.set(C, home);
  }
  return home;
}

/**
 * The class, in the process that was started.
 * @throws SerializationError if its module does not export it; what the module throws while it is loaded
 */
export async function classAt({ module, name }: Home, base: AnyClass): Promise<AnyClass> {
  const exports = (await importedModule(module)) as Record<string, unknown>;
  const inner = exports.default;
  const holders = typeof inner === 'object' && inner !== null ? [exports, inner as Record<string, unknown>] : [exports];
  const isIt = (value: unknown): value is AnyClass =>
    typeof value === 'function' && value.prototype instanceof base && value.name === name;
  for (const holder of holders) {
    const found = [holder[name], ...Object.values(holder)].find(isIt);
    if (found !== undefined) return found;
  }
  throw new SerializationError(
    `Class \`${name}\` is not exported by ${module}: a new process finds the class of a Process by its export. ` +
      `Write \`export class ${name} extends Process\``,
  );
}
