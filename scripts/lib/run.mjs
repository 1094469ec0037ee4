import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs a command with its output visible. Resolves with its exit code and, where `tee` is set, what it wrote to
 * stdout. A command that cannot be started rejects. After `limit` milliseconds it is killed with all its children,
 * as a test may hang in a way that nothing inside its own process can end.
 */
export function run(command, args, { cwd = root, env = process.env, tee = false, shell = false, limit } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ['inherit', tee ? 'pipe' : 'inherit', 'inherit'];
    const group = limit !== undefined && process.platform !== 'win32';
    const child = spawn(command, args, { cwd, env, shell, stdio, detached: group });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
      process.stdout.write(text);
    });
    const kill = (signal) => (group ? process.kill(-child.pid, signal) : child.kill(signal));
    const watchdog = limit && setTimeout(kill, limit, 'SIGKILL');
    // A process group of its own does not get the terminal's Ctrl+C.
    const forwarded = group ? ['SIGINT', 'SIGTERM'] : [];
    for (const signal of forwarded) process.on(signal, kill);
    const settle = (done, value) => {
      clearTimeout(watchdog);
      for (const signal of forwarded) process.off(signal, kill);
      done(value);
    };
    child.on('error', (error) => settle(reject, error));
    child.on('close', (code, signal) => settle(resolve, { code: code ?? 1, signal, output }));
  });
}

/** Runs a command that must succeed: throws an error that names it otherwise. */
export async function must(command, args, options) {
  const { code, signal } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(`\`${[command, ...args].join(' ')}\` ended with ${signal ?? `exit code ${code}`}`);
  }
}

/** Runs npm, which is a batch file on Windows, and must succeed. */
export function npm(args, options) {
  return must('npm', args, { shell: process.platform === 'win32', ...options });
}

/** Runs `main` if the module at `url` is the script that Node was started with; an error ends it with one plain line. */
export async function script(url, main) {
  if (process.argv[1] !== fileURLToPath(url)) return;
  try {
    await main();
  } catch (error) {
    console.error(`${error.message}`);
    process.exitCode = 1;
  }
}
