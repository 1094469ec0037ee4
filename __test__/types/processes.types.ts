// Checked by the compiler only: types.test.ts runs it over this file.
import {
  activeChildren,
  type Context,
  currentProcess,
  getAllStartMethods,
  getContext,
  getLogger,
  getStartMethod,
  type Logger,
  type LogLevel,
  logToStderr,
  type ParentProcess,
  Pool,
  Process,
  type ProcessOptions,
  parentProcess,
  type StartMethod,
  setStartMethod,
  Thread,
  wait,
} from 'manycore';
import { expectTypeOf } from 'vitest';

const add = (a: number, b: number): number => a + b;
const child = new Process({ target: add, args: [1, 2], name: 'adder', daemon: true, timeout: 100 });
const options: ProcessOptions<[string], Promise<Date>> = { target: async (text) => new Date(text), args: ['2000'] };

export const processes: unknown[] = [
  expectTypeOf(child).toEqualTypeOf<Process<[a: number, b: number], number>>(),
  expectTypeOf(child.result).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(new Process(options).start().result).resolves.toEqualTypeOf<Date>(),
  expectTypeOf(new Thread({ target: add, args: [1, 2] })).toExtend<Process>(),
  expectTypeOf(child.start()).toEqualTypeOf<Process<[a: number, b: number], number>>(),
  expectTypeOf(child.join({ timeout: 1 })).resolves.toEqualTypeOf<void>(),
  expectTypeOf(child.exited).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(child.exitCode).toEqualTypeOf<number | null>(),
  expectTypeOf(child.pid).toEqualTypeOf<number | null>(),
  expectTypeOf(child).toExtend<AsyncDisposable>(),
  expectTypeOf(currentProcess()).toExtend<Process>(),
  expectTypeOf(parentProcess()).toEqualTypeOf<ParentProcess | null>(),
  expectTypeOf(activeChildren()).toExtend<Process[]>(),
  expectTypeOf(wait([child, child.sentinel])).resolves.toExtend<unknown[]>(),
];

/** A subclass with fields of its own. */
export class Sub extends Process<[], string> {
  readonly field = 1;

  override run(): string {
    return 'sub';
  }
}

export const subclasses: unknown[] = [
  expectTypeOf(new Sub().start()).toEqualTypeOf<Sub>(),
  expectTypeOf(new Sub().result).toEqualTypeOf<Promise<string>>(),
];

export const contexts: unknown[] = [
  expectTypeOf(getContext('spawn')).toEqualTypeOf<Context>(),
  expectTypeOf(new (getContext().Process)({ target: add, args: [1, 2] }).result).toEqualTypeOf<Promise<number>>(),
  expectTypeOf(new (getContext().Pool)(2)).toExtend<Pool>(),
  expectTypeOf(new Pool({ context: getContext('thread') })).toExtend<Pool>(),
  expectTypeOf(new Process({ context: getContext() })).toExtend<Process>(),
  expectTypeOf(getStartMethod()).toEqualTypeOf<StartMethod>(),
  expectTypeOf(getAllStartMethods()).toEqualTypeOf<StartMethod[]>(),
  expectTypeOf(setStartMethod).toBeCallableWith('spawn', { force: true }),
  expectTypeOf(logToStderr('info')).toEqualTypeOf<Logger>(),
  expectTypeOf(getLogger().level).toEqualTypeOf<LogLevel>(),
];

// @ts-expect-error the arguments of the target are checked
new Process({ target: add, args: ['1', 2] });
// @ts-expect-error and how many there are
new Process({ target: add, args: [1] });
// @ts-expect-error a thread has no start method to choose
new Thread({ target: add, args: [1, 2], context: 'spawn' });
// @ts-expect-error Node cannot fork
setStartMethod('fork');
