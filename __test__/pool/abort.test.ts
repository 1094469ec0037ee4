import { getEventListeners } from 'node:events';
import { CancelledError } from 'manycore';
import { describe, expect, test } from 'vitest';
import {
  echo,
  failure,
  Gate,
  makePool,
  numbers,
  pass,
  passAsync,
  ref,
  sleep,
  spin,
  square,
  threadOf,
  thrown,
  until,
  watch,
} from '../helpers.js';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('abort', () => {
  test('B25 a signal that is aborted already: rejects with its reason, never runs', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    gate.open();
    const reason = { any: 'value' };
    const signal = AbortSignal.abort(reason);
    expect(await failure(() => pool.apply(pass, [gate.shared], { signal }))).toBe(reason);
    expect(await failure(() => pool.applyAsync(pass, [gate.shared], { signal }).get())).toBe(reason);
    expect(await failure(() => pool.starmap(pass, [[gate.shared]], { signal }))).toBe(reason);
    expect(await failure(() => pool.istarmap(pass, [[gate.shared]], { signal }).next())).toBe(reason);
    expect(thrown(() => pool.applySync(pass, [gate.shared], { signal }))).toBe(reason);
    expect(thrown(() => pool.starmapSync(pass, [[gate.shared]], { signal }))).toBe(reason);
    expect(await pool.apply(square, [2])).toBe(4);
    expect(gate.entered).toBe(0);
    expect(listeners(signal)).toBe(0);
  });

  test('B26 aborting a queued call removes it alone', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const ran = new Gate();
    ran.open();
    const running = pool.apply(pass<string>, [gate.shared, 'running']);
    await gate.reached();
    const controller = new AbortController();
    const before = pool.apply(pass<string>, [ran.shared, 'before']);
    const aborted = watch(pool.apply(pass<string>, [ran.shared, 'aborted'], { signal: controller.signal }));
    const behind = pool.apply(pass<string>, [ran.shared, 'behind']);
    controller.abort();
    await until(() => aborted.settled === 1);
    expect(aborted.error).toBe(controller.signal.reason);
    expect((aborted.error as DOMException).name).toBe('AbortError');
    gate.open();
    expect(await Promise.all([running, before, behind])).toEqual(['running', 'before', 'behind']);
    expect(ran.entered).toBe(2);
    expect(aborted.settled).toBe(1);
  });

  test('B27 aborting an endless loop: rejects at once, the worker is replaced, the next call runs', async () => {
    const pool = makePool(1);
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const controller = new AbortController();
    const call = pool.apply(spin, [gate.shared], { signal: controller.signal });
    const seen = watch(call);
    await gate.reached();
    controller.abort(new Error('enough'));
    expect(((await failure(() => call)) as Error).message).toBe('enough');
    expect(await pool.apply(threadOf)).not.toBe(thread);
    expect(pool.workers.length).toBe(1);
    expect(seen.settled).toBe(1);
  });

  test('B27 aborting an asynchronous task that never ends replaces its worker, too', async () => {
    const pool = makePool({ processes: 1, grace: 1 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const controller = new AbortController();
    const call = watch(pool.apply(passAsync, [gate.shared], { signal: controller.signal }));
    await gate.reached();
    controller.abort();
    expect(await pool.apply(threadOf)).not.toBe(thread);
    expect(call.settled).toBe(1);
  });

  test('B28 aborting a call never harms its neighbours', async () => {
    const pool = makePool({ processes: 2, grace: 1 });
    const gate = new Gate();
    const spinning = new Gate();
    const neighbour = pool.apply(pass<string>, [gate.shared, 'whole']);
    await gate.reached();
    const controller = new AbortController();
    const aborted = watch(pool.apply(spin, [spinning.shared], { signal: controller.signal }));
    await spinning.reached();
    const queued = numbers(20).map((x) => pool.apply(square, [x]));
    controller.abort();
    expect(await Promise.all(queued)).toEqual(numbers(20).map(square));
    expect(aborted.settled).toBe(1);
    gate.open();
    expect(await neighbour).toBe('whole');
    expect(gate.entered).toBe(1);
  });

  test('B28 with concurrency: neighbours in the same worker go on', async () => {
    const pool = makePool({ processes: 1, concurrency: 3, grace: 1 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const neighbours = [1, 2].map((n) => pool.apply(passAsync<number>, [gate.shared, n]));
    const stubborn = new Gate();
    const controller = new AbortController();
    const aborted = pool.apply(passAsync, [stubborn.shared], { signal: controller.signal });
    await gate.reached(2);
    await stubborn.reached();
    controller.abort();
    expect((await failure(() => aborted)).name).toBe('AbortError');
    await sleep(30);
    stubborn.open();
    await until(() => stubborn.left === 1);
    gate.open();
    expect(await Promise.all(neighbours)).toEqual([1, 2]);
    expect(await pool.apply(threadOf)).toBe(thread);
    expect(gate.entered).toBe(2);
  });

  test('B28 with concurrency: a blocked event loop costs the worker, and its neighbours are run again', async () => {
    const pool = makePool({ processes: 1, concurrency: 2, grace: 1 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const neighbour = pool.apply(passAsync<string>, [gate.shared, 'again']);
    await gate.reached();
    const spinning = new Gate();
    const controller = new AbortController();
    const aborted = watch(pool.apply(spin, [spinning.shared], { signal: controller.signal }));
    await spinning.reached();
    controller.abort();
    await gate.reached(2);
    gate.open();
    expect(await neighbour).toBe('again');
    expect(aborted.settled).toBe(1);
    expect(await pool.apply(threadOf)).not.toBe(thread);
  });

  test('B30 an abort after completion does nothing, and no listener is left', async () => {
    const pool = makePool(2);
    const controller = new AbortController();
    const { signal } = controller;
    expect(await pool.apply(square, [3], { signal })).toBe(9);
    expect(await pool.map(square, [1, 2, 3], { signal })).toEqual([1, 4, 9]);
    const results = pool.imap(square, [1], { signal });
    while (!(await results.next()).done);
    await pool.applyAsync(square, [3], { signal }).get({ signal });
    await failure(() => pool.apply(ref('tasks.mjs', 'fail'), ['x'], { signal }));
    await failure(() => pool.apply(ref('death.mjs', 'exit'), [1], { signal }));
    await failure(() => pool.apply(echo, [Symbol('x')], { signal }));
    await failure(() => pool.apply(() => new Promise(() => {}), [], { signal, timeout: 1, grace: 0 }));
    const abandoned = pool.imap(square, numbers(1000), { signal });
    await abandoned.next();
    await abandoned.return?.();
    expect(pool.applySync(square, [4], { signal })).toBe(16);
    expect(listeners(signal)).toBe(0);
    controller.abort();
    expect(await pool.apply(square, [5])).toBe(25);
  });

  test('B30 one signal for many calls: all are rejected, no listener is left', async () => {
    const pool = makePool(2);
    const gate = new Gate();
    const controller = new AbortController();
    const { signal } = controller;
    const calls = numbers(50).map(() => watch(pool.apply(pass, [gate.shared], { signal, grace: 1 })));
    await gate.reached(2);
    controller.abort();
    await until(() => calls.every((call) => call.settled === 1));
    expect(calls.every((call) => call.error === signal.reason)).toBe(true);
    expect(listeners(signal)).toBe(0);
    expect(await pool.map(square, [1, 2])).toEqual([1, 4]);
    expect(gate.entered).toBe(2);
  });

  test('B31 cancelled() is seen inside a synchronous loop; the worker is kept', async () => {
    const pool = makePool({ processes: 1, grace: 60_000 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const controller = new AbortController();
    const call = pool.apply(ref('context.mjs', 'spinUntilCancelled'), [gate.shared], { signal: controller.signal });
    await gate.reached();
    controller.abort(new Error('stop it'));
    expect((await failure(() => call)).message).toBe('stop it');
    await until(() => gate.note === 1);
    expect(await pool.apply(threadOf)).toBe(thread);
  });

  test("B31 the task's signal fires inside an asynchronous task; the worker is kept", async () => {
    const pool = makePool({ processes: 1, grace: 60_000 });
    const thread = await pool.apply(threadOf);
    const gate = new Gate();
    const controller = new AbortController();
    const call = pool.apply(ref('context.mjs', 'waitForSignal'), [gate.shared], { signal: controller.signal });
    await gate.reached();
    controller.abort();
    await failure(() => call);
    await until(() => gate.note === 1);
    expect(await pool.apply(threadOf)).toBe(thread);
  });

  test('abort of a map drops what has not begun, and stops what runs', async () => {
    const pool = makePool({ processes: 2, grace: 1 });
    const gate = new Gate();
    const controller = new AbortController();
    const items = numbers(1000).map((n): [Int32Array, number] => [gate.shared, n]);
    const call = pool.starmap(pass<number>, items, { signal: controller.signal, chunkSize: 1 });
    await gate.reached(2);
    controller.abort(new Error('no more'));
    expect((await failure(() => call)).message).toBe('no more');
    gate.open();
    expect(await pool.map(square, numbers(100))).toEqual(numbers(100).map(square));
    expect(gate.entered).toBe(2);
  });

  test('abort of an imap: its next() rejects, its source is closed', async () => {
    const pool = makePool(2);
    const controller = new AbortController();
    let closed = false;
    function* source() {
      try {
        for (let n = 0; ; n += 1) yield n;
      } finally {
        closed = true;
      }
    }
    const results = pool.imap(square, source(), { signal: controller.signal });
    expect((await results.next()).value).toBe(0);
    const reason = new Error('off');
    controller.abort(reason);
    const error = await failure(async () => {
      for (;;) if ((await results.next()).done) return;
    });
    expect(error).toBe(reason);
    expect(closed).toBe(true);
    expect((await results.next()).done).toBe(true);
  });

  for (const chunkSize of [1, 3]) {
    test(`abort of an imap stops what runs (chunks of ${chunkSize})`, async () => {
      const pool = makePool({ processes: 1, grace: 1 });
      const thread = await pool.apply(threadOf);
      const gate = new Gate();
      const controller = new AbortController();
      const items = numbers(9).map((n): [Int32Array, number] => [gate.shared, n]);
      const results = pool.istarmap(pass<number>, items, { signal: controller.signal, chunkSize });
      const next = watch(results.next());
      await gate.reached();
      controller.abort();
      await until(() => next.settled === 1);
      expect(next.error).toBe(controller.signal.reason);
      expect(await pool.apply(threadOf)).not.toBe(thread);
      expect(gate.entered).toBe(1);
    });
  }

  test('AbortSignal.timeout bounds a whole call, waiting time too', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const running = pool.apply(pass, [gate.shared]);
    await gate.reached();
    const error = await failure(() => pool.apply(square, [1], { signal: AbortSignal.timeout(5) }));
    expect(error.name).toBe('TimeoutError');
    gate.open();
    await running;
  });

  test('the signal of get() and wait() ends the waiting, not the call', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const result = pool.applyAsync(pass<string>, [gate.shared, 'kept']);
    await gate.reached();
    const controller = new AbortController();
    const get = watch(result.get({ signal: controller.signal }));
    const wait = watch(result.wait({ signal: controller.signal }));
    const reason = new Error('not waiting');
    controller.abort(reason);
    await until(() => get.settled === 1 && wait.settled === 1);
    expect(get.error).toBe(reason);
    expect(wait.error).toBe(reason);
    expect(listeners(controller.signal)).toBe(0);
    gate.open();
    expect(await result.get()).toBe('kept');
  });
});

describe('AsyncResult.cancel', () => {
  test('cancel of a queued call: true, rejects with CancelledError, never runs', async () => {
    const pool = makePool(1);
    const gate = new Gate();
    const running = pool.applyAsync(pass<string>, [gate.shared, 'done']);
    await gate.reached();
    const queued = pool.applyAsync(pass, [gate.shared]);
    expect(queued.cancel()).toBe(true);
    expect(await failure(() => queued.get())).toBeInstanceOf(CancelledError);
    expect(queued.ready()).toBe(true);
    expect(queued.successful()).toBe(false);
    gate.open();
    expect(await running.get()).toBe('done');
    expect(running.cancel()).toBe(false);
    expect(await running.get()).toBe('done');
    expect(await pool.apply(square, [2])).toBe(4);
    expect(gate.entered).toBe(1);
  });

  test('cancel of a running call: as an abort', async () => {
    const pool = makePool({ processes: 1, grace: 1 });
    const gate = new Gate();
    const running = pool.applyAsync(spin, [gate.shared]);
    await gate.reached();
    expect(running.cancel()).toBe(true);
    expect(await failure(() => running.get())).toBeInstanceOf(CancelledError);
    expect(running.cancel()).toBe(false);
    expect(await pool.apply(square, [2])).toBe(4);
  });
});
