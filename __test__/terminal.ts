import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Finished, fixture, type Program, startProgram } from './helpers.js';

/** A program that thinks it runs in a terminal. */
export interface TerminalProgram extends Pick<Program, 'printed' | 'signal'> {
  /** Presses Ctrl+C. */
  press(): void;
  type(text: string): void;
  /** How it ended. `stdout` is all that was on the screen. */
  readonly finished: Promise<Pick<Finished, 'code' | 'signal' | 'stdout'>>;
}

const SIGNALS: Readonly<Record<string, NodeJS.Signals>> = { 2: 'SIGINT', 9: 'SIGKILL' };

let helper: Promise<string> | undefined;

/** Builds the program that makes terminals: an example of the crate with what the system gives. */
function build(): Promise<string> {
  helper ??= promisify(execFile)(
    'cargo',
    ['build', '--quiet', '-p', 'manycore-os', '--example', 'terminal', '--message-format', 'json'],
    { cwd: fileURLToPath(new URL('..', import.meta.url)) },
  ).then(({ stdout }) => {
    const built = stdout.split('\n').find((line) => line.includes('"executable":"'));
    if (built === undefined) throw new Error('cargo built no terminal');
    return (JSON.parse(built) as { executable: string }).executable;
  });
  return helper;
}

/** Starts a script of `fixtures/scripts/` in a terminal of its own. */
export async function startInTerminal(name: string, args: readonly string[] = []): Promise<TerminalProgram> {
  const terminal = await build();
  const script = fileURLToPath(fixture(`scripts/${name}`));
  const program = startProgram(terminal, [process.execPath, script, ...args], { ...process.env, NODE_OPTIONS: '' });
  return {
    printed: program.printed,
    signal: program.signal,
    press: () => program.write('\x03'),
    type: (text) => program.write(text),
    finished: program.finished.then(({ stdout, stderr }) => {
      const [, how, number] = /(exit|signal) (\d+)\n$/.exec(stderr) ?? [];
      if (how === undefined) throw new Error(`No ending:\n${stdout}\n${stderr}`);
      return {
        code: how === 'exit' ? Number(number) : null,
        signal: SIGNALS[how === 'signal' ? number : ''] ?? null,
        stdout,
      };
    }),
  };
}
