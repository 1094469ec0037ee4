import type { SHARE_ENV } from 'node:worker_threads';

/**
 * Whether something may print in a worker before its program runs, which writes to the file descriptors itself. Only then
 * the pipes to the owner's `process.stdout` and `process.stderr` are needed; to make these takes longer than a worker.
 */
export function printsBefore(
  execArgv: readonly string[] | undefined,
  env: NodeJS.Dict<string> | typeof SHARE_ENV | undefined,
): boolean {
  const given = typeof env === 'object' ? env.NODE_OPTIONS : undefined;
  return (execArgv ?? process.execArgv).length > 0 || Boolean(given) || Boolean(process.env.NODE_OPTIONS);
}
