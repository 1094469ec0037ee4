import { expected } from './describe.js';

/** Flags of Node that have it run something else than the program that it is given, or nothing at all. */
const PROGRAM = new Set([
  ...['--eval', '--print', '--interactive', '--check', '--run', '--test', '--bench', '--watch'],
  ...['--watch-path', '--build-snapshot', '--build-snapshot-config', '--snapshot-blob', '--experimental-sea-config'],
  ...['--build-sea', '--help', '--version', '--v8-options', '--completion-bash', '--prof-process', '--vfs-load'],
]);
/** Their short forms. */
const SHORT = new Map([
  ['-e', '--eval'],
  ['-p', '--print'],
  ['-pe', '--print'],
  ['-i', '--interactive'],
  ['-c', '--check'],
  ['-h', '--help'],
  ['-v', '--version'],
]);
/** Flags about how the program of this process is read or looked at: no child of it is. */
const OWN = /^--(inspect|test|bench|watch|input-type)/;

/** The flag's name in full, without its value. Node reads `_` as `-`. */
function nameOf(item: string): string {
  return SHORT.get(item) ?? item.replace(/=.*/s, '').replaceAll('_', '-');
}

/**
 * Checks the option of who starts a child process: a thread runs its program whatever these flags say. Behind a flag that
 * may have a value, what is none is taken for that.
 * @throws RangeError that names the item with which the child would not run the program that it is given
 */
export function mustRunProgram(execArgv: readonly string[] = []): void {
  let mayBeValue = false;
  for (const [i, item] of execArgv.entries()) {
    const isFlag = item.startsWith('-');
    if (isFlag ? item === '-' || item === '--' || PROGRAM.has(nameOf(item)) : !mayBeValue) {
      throw new RangeError(expected(`execArgv[${i}]`, 'a flag that leaves a child process its own program', item));
    }
    mayBeValue = isFlag && !item.includes('=') && !item.startsWith('--no-');
  }
}

/** The flags that a child inherits from a process that was started with these: all but those about its program. */
export function inheritedFlags(execArgv: readonly string[]): string[] {
  let kept = true;
  return execArgv.filter((item) => {
    // What is no flag is the value of the one before it.
    if (item.startsWith('-'))
      kept = item !== '-' && item !== '--' && !PROGRAM.has(nameOf(item)) && !OWN.test(nameOf(item));
    return kept;
  });
}
