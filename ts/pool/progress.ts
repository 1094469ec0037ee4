import { AsyncLocalStorage } from 'node:async_hooks';
import type { Progress, TaskOptions } from './options.js';

/** A bar is drawn at most this often, in milliseconds; a plain line is printed a tenth as often. */
const REDRAW_MS = 100;
const LINES_MS = 1000;
const BAR_WIDTH = 30;

/** What a call shows of its progress, in the async context of its caller. */
export interface Observer {
  /** Whether anybody wants to know. */
  readonly active: boolean;
  /** The call's options, with `onReport` bound to the caller's context. */
  readonly options: TaskOptions;
  /** `count` tasks ended, `failed` of them with an error. False: telling it failed, and `reject` has the error. */
  settled(failed: number, count: number, reject: (error: unknown) => void): boolean;
  /** `settled` for a collector of results. */
  onItems(reject: (error: unknown) => void): (failed: number, count: number) => void;
  /** `settled` for an iterator of results. */
  onEach(reject: (error: unknown) => void): (failed: boolean) => void;
}

/** Watches a call of `total` tasks (undefined: not known) as its options say. */
export function observe(options: TaskOptions, total: number | undefined): Observer {
  const { progress, onReport } = options;
  if (progress === undefined && onReport === undefined) return silent(options);
  const inContext = AsyncLocalStorage.snapshot();
  const bound: TaskOptions =
    onReport === undefined ? options : { ...options, onReport: (value, index) => inContext(onReport, value, index) };
  const show = progress === true ? bar(total) : progress === false ? undefined : progress;
  if (show === undefined) return silent(bound);
  const start = performance.now();
  let done = 0;
  let failedTotal = 0;
  const settled = (failed: number, count: number, reject: (error: unknown) => void): boolean => {
    done += count;
    failedTotal += failed;
    const elapsed = performance.now() - start;
    const remaining = total === undefined ? undefined : (elapsed / done) * (total - done);
    try {
      inContext(show, { done, failed: failedTotal, total, elapsed, remaining });
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  };
  return {
    active: true,
    options: bound,
    settled,
    onItems: (reject) => (failed, count) => void settled(failed, count, reject),
    onEach: (reject) => (failed) => void settled(failed ? 1 : 0, 1, reject),
  };
}

function silent(options: TaskOptions): Observer {
  return { active: false, options, settled: () => true, onItems: () => () => {}, onEach: () => () => {} };
}

/** A bar on a terminal, plain lines elsewhere; both on standard error, so that a program's output stays its own. */
function bar(total: number | undefined): (progress: Progress) => void {
  const out = process.stderr;
  const interval = out.isTTY ? REDRAW_MS : LINES_MS;
  let next = 0;
  return (progress) => {
    const last = progress.done === total;
    if (!last && progress.elapsed < next) return;
    next = progress.elapsed + interval;
    const text = describe(progress);
    if (!out.isTTY) out.write(`${text}\n`);
    else out.write(`\r\x1b[K${drawn(progress)}${text}${last ? '\n' : ''}`);
  };
}

function drawn({ done, total }: Progress): string {
  if (total === undefined) return '';
  const filled = Math.round((done / Math.max(1, total)) * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} `;
}

function describe({ done, failed, total, elapsed, remaining }: Progress): string {
  const count = total === undefined ? `${done}` : `${done}/${total}`;
  const rate = elapsed > 0 ? Math.round(done / (elapsed / 1000)) : 0;
  const parts = [count, `${rate}/s`, seconds(elapsed)];
  if (remaining !== undefined && done !== total) parts.push(`${seconds(remaining)} left`);
  if (failed > 0) parts.push(`${failed} failed`);
  return parts.join('  ');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
