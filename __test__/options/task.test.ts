import { afterEach, describe, expect, it } from 'vitest';
import { taskOptions, waitOptions } from '../../ts/internal/options.js';
import type { AsyncTaskOptions } from '../../ts/pool/options.js';
import { transfer } from '../../ts/transfer.js';

/** Only what is set. */
function set(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

describe('task options', () => {
  it('that are absent are one shared, frozen object', () => {
    const none = taskOptions(undefined, 'map');
    expect(taskOptions(undefined, 'applySync')).toBe(none);
    expect(Object.isFrozen(none)).toBe(true);
    expect(set(none)).toEqual({});
  });

  it('are taken with their values', () => {
    const given = {
      chunkSize: 10,
      bufferSize: 20,
      signal: new AbortController().signal,
      timeout: 1000,
      grace: 10,
      retries: 1,
      retryOn: () => false,
      backoff: 5,
      concurrency: 4,
      failFast: true,
      settled: false,
      progress: () => {},
      onReport: () => {},
      transfer: [new ArrayBuffer(8)],
    };
    expect(set(taskOptions(given, 'map'))).toEqual(given);
    expect(set(taskOptions({ progress: true }, 'imap'))).toEqual({ progress: true });
  });

  it('a number is the chunk size, where there are chunks', () => {
    expect(set(taskOptions(20, 'map'))).toEqual({ chunkSize: 20 });
    expect(set(taskOptions(1, 'imapUnordered'))).toEqual({ chunkSize: 1 });
    for (const bad of [0, -1, 1.5, Number.NaN]) expect(() => taskOptions(bad, 'imap')).toThrow(RangeError);
    expect(() => taskOptions(-1, 'imap')).toThrow('Expected `chunkSize` to be an integer from 1 up, got `-1` (number)');
    expect(() => taskOptions(5, 'apply')).toThrow('Expected `options` to be an object, got `5` (number)');
  });

  it('negative times count as 0', () => {
    expect(set(taskOptions({ timeout: -1, grace: -1 }, 'map'))).toEqual({ timeout: 0, grace: 0 });
  });

  it('callbacks belong to the Async methods', () => {
    const callbacks: AsyncTaskOptions = { callback: () => {}, errorCallback: () => {} };
    expect(set(taskOptions(callbacks, 'starmapAsync'))).toEqual(callbacks);
    expect(() => taskOptions(callbacks, 'map')).toThrow(TypeError);
    expect(() => taskOptions({ errorCallback: () => {} }, 'applySync')).toThrow(
      'Unknown option `errorCallback` of `applySync`; it is an option of `applyAsync`, `mapAsync` and `starmapAsync`',
    );
    expect(() => taskOptions({ error_callback: () => {} } as object, 'mapAsync')).toThrow(
      'did you mean `errorCallback`?',
    );
    expect(() => taskOptions({ callback: 1 } as object, 'mapAsync')).toThrow('Expected `callback` to be a function');
  });

  it.each([
    ['chunkSize', '10', TypeError, 'an integer from 1 up'],
    ['bufferSize', 0, RangeError, 'an integer from 1 up'],
    ['signal', {}, TypeError, 'an AbortSignal'],
    ['signal', new AbortController(), TypeError, 'an AbortSignal'],
    ['failFast', 1, TypeError, 'a boolean'],
    ['settled', 'yes', TypeError, 'a boolean'],
    ['progress', 'bar', TypeError, 'a boolean or a function'],
    ['onReport', true, TypeError, 'a function'],
    ['transfer', new ArrayBuffer(1), TypeError, 'an array'],
  ])('%s: %o is refused', (name, value, Kind, what) => {
    const call = () => taskOptions({ [name]: value }, 'map');
    expect(call).toThrow(Kind);
    expect(call).toThrow(`Expected \`${name}\` to be ${what}, got `);
  });

  it.each([
    [5, '`5` (number)'],
    [null, '`null`'],
    ['buffer', '`buffer` (string)'],
    [new Uint8Array(1), 'an object; what is moved is its `.buffer`'],
    [new SharedArrayBuffer(1), 'an object; a SharedArrayBuffer is shared, and stays usable here'],
  ])('%o cannot be moved', (item, got) => {
    const list = [new ArrayBuffer(1), item] as ArrayBuffer[];
    const what = `[1]\` to be an ArrayBuffer or a MessagePort, got ${got}`;
    expect(() => taskOptions({ transfer: list }, 'apply')).toThrow(TypeError);
    expect(() => taskOptions({ transfer: list }, 'apply')).toThrow(`Expected \`transfer${what}`);
    expect(() => transfer(1, list)).toThrow(`Expected \`list${what}`);
  });

  it.each([
    ['chunksize', 'chunkSize'],
    ['chunk_size', 'chunkSize'],
    ['buffersize', 'bufferSize'],
    ['abortSignal', 'signal'],
    ['transferList', 'transfer'],
    ['retry', 'retries'],
    ['failfast', 'failFast'],
  ])('%s is unknown, and %s is named', (given, meant) => {
    expect(() => taskOptions({ [given]: 1 }, 'map')).toThrow(`Unknown option \`${given}\`; did you mean \`${meant}\`?`);
  });

  it('of the pool are not taken here', () => {
    expect(() => taskOptions({ processes: 4 } as object, 'map')).toThrow(
      'Unknown option `processes`; it is an option of the pool',
    );
  });

  it.each([null, 'x', [], () => 1, true])('%o is no options', (given) => {
    expect(() => taskOptions(given as never, 'map')).toThrow('Expected `options` to be a chunk size or an object');
  });

  describe('and a polluted prototype', () => {
    const polluted = Object.prototype as Record<string, unknown>;
    afterEach(() => {
      Reflect.deleteProperty(polluted, 'timeout');
      Reflect.deleteProperty(polluted, 'signal');
    });

    it('are not changed by it', () => {
      polluted.timeout = 1;
      polluted.signal = 'bad';
      expect(taskOptions(undefined, 'map').timeout).toBeUndefined();
      expect(taskOptions({ chunkSize: 2 }, 'map')).toMatchObject({ timeout: undefined, signal: undefined });
      expect(waitOptions({}).timeout).toBe(Number.POSITIVE_INFINITY);
      expect(waitOptions({ timeout: 5 }).signal).toBeUndefined();
    });
  });
});

describe('wait options', () => {
  it('wait for ever by default', () => {
    expect(waitOptions(undefined)).toEqual({ timeout: Number.POSITIVE_INFINITY, signal: undefined });
    expect(waitOptions({})).toEqual(waitOptions(undefined));
  });

  it('take a time and a signal', () => {
    const { signal } = new AbortController();
    expect(waitOptions({ timeout: 50, signal })).toEqual({ timeout: 50, signal });
    expect(waitOptions({ timeout: -50 }).timeout).toBe(0);
  });

  it('refuse anything else', () => {
    expect(() => waitOptions(5 as never)).toThrow(
      'Expected `options` to be an object such as `{ timeout: 5000 }`, got `5`',
    );
    expect(() => waitOptions({ timeout: '5' } as never)).toThrow(TypeError);
    expect(() => waitOptions({ timeOut: 5 } as never)).toThrow('did you mean `timeout`?');
  });
});
