import 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** What a long test measured, by name and unit: a table in docs/soak.md. */
    figures?: Record<string, number | string>;
  }
}
