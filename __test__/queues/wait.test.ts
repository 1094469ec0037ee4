import { Pipe, StateError, wait } from 'manycore';
import { expect, test } from 'vitest';
import { failure, sleep, watch } from '../helpers.js';

test('gives what is ready: messages, ends, settled promises', async () => {
  const [[a, x], [b, y], [c]] = [Pipe<number>(), Pipe<number>(), Pipe<number>()];
  const done = Promise.resolve();
  const failed = Promise.reject(new Error('also settled'));
  x.sendSync(1);
  y.close();
  expect(await wait([c, b, failed, a, done, new Promise(() => {})])).toEqual([b, failed, a, done]);
  expect(await a.recv()).toBe(1);
});

test('waits for the first, and loses no message to those that came second', async () => {
  const [[a, x], [b, y]] = [Pipe<number>(), Pipe<number>()];
  const waiting = wait([a, b]);
  await sleep(1);
  y.sendSync(2);
  expect(await waiting).toEqual([b]);
  x.sendSync(1);
  expect(await wait([a, b])).toEqual([a, b]);
  expect([a.recvSync(), b.recvSync()]).toEqual([1, 2]);
});

test('an empty list, and a time that is up, give nothing', async () => {
  const [a] = Pipe();
  const never = new Promise(() => {});
  expect(await wait([])).toEqual([]);
  expect(await wait([a, never], { timeout: 5 })).toEqual([]);
  expect(await wait([a, never], { timeout: -5 })).toEqual([]);
  expect(await wait([never], { timeout: 0 })).toEqual([]);
  let end = (_: number): void => {};
  const later = new Promise<number>((resolve) => {
    end = resolve;
  });
  setTimeout(() => end(1), 1);
  expect(await wait([a, later])).toEqual([later]);
});

test('a signal ends it, whatever is waited for', async () => {
  const [a] = Pipe();
  for (const list of [[a], [new Promise(() => {})], [a, new Promise(() => {})]]) {
    const controller = new AbortController();
    const waiting = watch(wait(list, { signal: controller.signal }));
    await sleep(1);
    controller.abort('no');
    await sleep(1);
    expect(waiting).toEqual({ settled: 1, error: 'no' });
    expect(await failure(() => wait(list, { signal: AbortSignal.abort('now') }))).toBe('now');
  }
});

test('refuses what cannot be waited for', async () => {
  const [a, b] = Pipe();
  for (const bad of [1, null, {}, 'x']) expect(await failure(() => wait([a, bad as never]))).toBeInstanceOf(TypeError);
  b.close();
  a.close();
  expect(await failure(() => wait([a]))).toBeInstanceOf(StateError);
});
