import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  BufferTooShortError,
  EOFError,
  errorClasses,
  ManycoreError,
  ProcessError,
  SerializationError,
  StateError,
  TimeoutError,
  WorkerLostError,
} from '../../ts/internal/errors.js';

describe('error classes', () => {
  it('are all there, by name', () => {
    expect([...errorClasses.keys()].sort()).toEqual(
      [
        'ProcessError BufferTooShortError AuthenticationError TimeoutError StateError SerializationError WorkerLostError',
        'PoolTerminatedError BrokenPoolError InterruptedError DeadlockError OwnerDiedError QueueEmptyError QueueFullError',
        'QueueShutDownError BrokenBarrierError EOFError RemoteError CancelledError InvalidStateError',
      ]
        .join(' ')
        .split(' ')
        .sort(),
    );
  });

  it.each([...errorClasses])('%s has its name, a stable code and a stack', (name, C) => {
    const error = new C('why', { cause: 7 });
    const words = name.slice(0, -'Error'.length).replace(/(?<=[a-z])(?=[A-Z])/g, '_');
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(ManycoreError);
    expect(error.name).toBe(name);
    expect(error.code).toBe(`ERR_MANYCORE_${words.toUpperCase()}`);
    expect(error.message).toBe('why');
    expect(error.cause).toBe(7);
    expect(error.stack?.split('\n')[0]).toBe(`${name}: why`);
    expect(Object.keys(error)).not.toContain('name');
    expect(inspect(error)).toContain(error.code);
  });

  it('spell the codes of abbreviations right', () => {
    expect(new EOFError().code).toBe('ERR_MANYCORE_EOF');
    expect(new WorkerLostError().code).toBe('ERR_MANYCORE_WORKER_LOST');
  });

  it('have Python’s hierarchy', () => {
    expect(new TimeoutError()).toBeInstanceOf(ProcessError);
    expect(new BufferTooShortError()).toBeInstanceOf(ProcessError);
    expect(new StateError()).not.toBeInstanceOf(ProcessError);
    expect(new ProcessError()).not.toBeInstanceOf(TimeoutError);
  });

  it('have no cause unless one was given', () => {
    expect('cause' in new StateError('x')).toBe(false);
    expect('cause' in new StateError('x', { cause: undefined })).toBe(true);
  });

  it('keep their fields', () => {
    expect(new SerializationError('x', { path: 'args[0].db' }).path).toBe('args[0].db');
    expect('path' in new SerializationError('x')).toBe(false);
    const lost = { exitCode: 3, signal: null, reason: 'exit', workerId: 2, index: 9, attempt: 2 };
    expect(new WorkerLostError('x', lost)).toMatchObject(lost);
    expect(new WorkerLostError('x')).toMatchObject({ exitCode: null, workerId: null, index: null, attempt: 1 });
  });

  it('are recognised by another copy of the package', async () => {
    const url = pathToFileURL(new URL('../../ts/internal/errors.ts', import.meta.url).pathname);
    const copy: typeof import('../../ts/internal/errors.js') = await import(/* @vite-ignore */ `${url.href}?copy`);
    expect(copy.TimeoutError).not.toBe(TimeoutError);
    expect(new copy.TimeoutError('x')).toBeInstanceOf(TimeoutError);
    expect(new copy.TimeoutError('x')).toBeInstanceOf(ProcessError);
    expect(new copy.TimeoutError('x')).not.toBeInstanceOf(EOFError);
  });

  it('can be subclassed, and the subclass does not claim its siblings', () => {
    class SlowError extends TimeoutError {}
    const slow = new SlowError('x');
    expect(slow).toBeInstanceOf(SlowError);
    expect(slow).toBeInstanceOf(TimeoutError);
    expect(slow.code).toBe('ERR_MANYCORE_TIMEOUT');
    expect(new TimeoutError('x')).not.toBeInstanceOf(SlowError);
  });

  it('answer no for anything that is not an error of theirs', () => {
    for (const value of [null, undefined, 1, 'x', {}, new Error('x'), () => 1]) {
      expect(value instanceof TimeoutError).toBe(false);
    }
  });
});
