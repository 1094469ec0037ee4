import { QueueFullError } from '../internal/errors.js';
import type { ResolvedPoolOptions } from '../internal/options.js';

/** Throws QueueFullError if `tasks` more tasks would be too many beside `pending` ones, and must not wait. */
export function mustHaveRoom({ maxPending, whenFull }: ResolvedPoolOptions, pending: number, tasks: number): void {
  if (whenFull !== 'reject' || pending + tasks <= maxPending) return;
  throw new QueueFullError(
    tasks > maxPending
      ? `${tasks} tasks at once are more than \`maxPending\` (${maxPending}) ever allows`
      : `${pending} tasks are pending; ${tasks} more would pass the limit of ${maxPending}`,
  );
}
