import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { TimeoutError, WorkerLostError } from '../internal/errors.js';
import { packageRoot } from '../internal/here.js';
import { native } from '../internal/native.js';

/** A frame of a stack: the place in a file. */
const FRAME = /^\s+at .*?\(?((?:file:\/\/)?\/[^\n]*?):(\d+):(\d+)\)?$/m;

/**
 * What is printed of an error that nobody caught: the line of code, as Node prints it, and the error with its stack, behind
 * the name of the process.
 */
export function traceback(name: string, error: unknown): string {
  // Where this package noticed that something ended helps nobody.
  if (error instanceof WorkerLostError || error instanceof TimeoutError) return `${error.name}: ${error.message}\n`;
  const text = error instanceof Error ? withoutOwnFrames(inspect(error)) : `Uncaught ${inspect(error)}`;
  return `Process ${name}:\n${sourceLine(error)}${text}\n`;
}

/** Prints it, as one whole. */
export function printFailure(name: string, error: unknown): void {
  native.writeLines(2, Buffer.from(traceback(name, error)));
}

/** Without this package's own frames, which say nothing about the program. */
function withoutOwnFrames(text: string): string {
  const root = fileURLToPath(packageRoot());
  return text
    .split('\n')
    .filter((line) => !(/^\s+at /.test(line) && line.includes(root)))
    .join('\n');
}

/** The line that the innermost frame names, and a mark below the place in it; empty if it cannot be read. */
function sourceLine(error: unknown): string {
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : '';
  const frame = FRAME.exec(stack);
  if (frame === null) return '';
  const [, file = '', line = '', column = ''] = frame;
  try {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    if (path.startsWith(fileURLToPath(packageRoot()))) return '';
    const text = readFileSync(path, 'utf8').split('\n')[Number(line) - 1];
    if (text === undefined || text.length > 200) return '';
    return `${file}:${line}\n${text}\n${' '.repeat(Number(column) - 1)}^\n\n`;
  } catch {
    return '';
  }
}
