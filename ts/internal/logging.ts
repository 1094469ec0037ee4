import { format } from 'node:util';
import { oneOf } from './options/checks.js';
import { self } from './self.js';

/** How grave a record is, from the least to the most. Python: the levels of `logging`. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error', 'critical'];
const levelCheck = oneOf(...LEVELS);

/**
 * The log of what the package does. A record is one line on standard error, such as
 * `[INFO/Process-1] process exiting with exitCode 0`, once {@link logToStderr} was called; processes and workers that are
 * started after that write theirs, too.
 *
 * Python: the logger that `multiprocessing.get_logger()` answers.
 */
export class Logger {
  /** What is less grave than this is not written. @default 'warning' */
  get level(): LogLevel {
    return LEVELS[self().log.level];
  }

  /** @throws TypeError, RangeError for what is no level */
  set level(level: LogLevel) {
    self().log.level = LEVELS.indexOf(levelCheck(level, 'level') as LogLevel);
  }

  /** Whether records of this level are written anywhere. */
  isEnabledFor(level: LogLevel): boolean {
    const { log } = self();
    return log.stderr && LEVELS.indexOf(level) >= LEVELS.indexOf(this.level);
  }

  /** Writes a record. Arguments are formatted as by `console.log`. */
  log(level: LogLevel, message: unknown, ...more: unknown[]): void {
    if (!this.isEnabledFor(level)) return;
    process.stderr.write(`[${level.toUpperCase()}/${self().name}] ${format(message, ...more)}\n`);
  }

  debug(message: unknown, ...more: unknown[]): void {
    this.log('debug', message, ...more);
  }

  info(message: unknown, ...more: unknown[]): void {
    this.log('info', message, ...more);
  }

  warning(message: unknown, ...more: unknown[]): void {
    this.log('warning', message, ...more);
  }

  error(message: unknown, ...more: unknown[]): void {
    this.log('error', message, ...more);
  }

  critical(message: unknown, ...more: unknown[]): void {
    this.log('critical', message, ...more);
  }
}

const logger = new Logger();

/** The package's log. Nothing of it is written before {@link logToStderr}. Python: `multiprocessing.get_logger()`. */
export function getLogger(): Logger {
  return logger;
}

/**
 * Has the package's log written to standard error.
 *
 * Python: `multiprocessing.log_to_stderr(level)`.
 * @param level what is less grave is left out. @default what it was: `'warning'` at first
 * @example logToStderr('info');
 */
export function logToStderr(level?: LogLevel): Logger {
  if (level !== undefined) logger.level = level;
  self().log.stderr = true;
  return logger;
}
