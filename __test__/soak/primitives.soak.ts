import { Barrier, Condition, Event, Lock, Semaphore } from 'manycore';
import { expect, test } from 'vitest';
import { survive, Word } from '../survive.js';

const KILLS = 500;

test('a lock survives 500 workers that are ended inside it', async ({ task }) => {
  const lock = new Lock();
  const [state, done] = await survive<number>(KILLS, 'lockLoop', lock, ['lockLoop', 'lockLoopLater']);
  expect(state[Word.broken]).toBe(0);
  // Some of so many were inside.
  expect(state[Word.recovered]).toBeGreaterThan(0);
  expect(done.every((count) => count > 0)).toBe(true);
  task.meta.figures = { rounds: Atomics.load(state, Word.rounds), recovered: Atomics.load(state, Word.recovered) };
});

test('a semaphore survives 500 workers that are ended inside it', async ({ task }) => {
  const semaphore = new Semaphore(2);
  const [state] = await survive<number>(KILLS, 'semaphoreLoop', semaphore, ['semaphoreLoop', 'semaphoreLoopLater']);
  expect(await semaphore.acquire({ timeout: 5000 })).toBe(true);
  expect(await semaphore.acquire({ timeout: 5000 })).toBe(true);
  expect(semaphore.tryAcquire()).toBe(false);
  task.meta.figures = { rounds: Atomics.load(state, Word.rounds) };
});

test('a condition survives 500 workers that are ended inside it', async ({ task }) => {
  const [, done] = await survive<number>(KILLS, 'conditionLoop', new Condition());
  task.meta.figures = { rounds: done.reduce((sum, count) => sum + count) };
});

test('an event survives 500 workers that are ended inside it', async ({ task }) => {
  const [, done] = await survive<number>(KILLS, 'eventLoop', new Event());
  task.meta.figures = { rounds: done.reduce((sum, count) => sum + count) };
});

test('a barrier survives 500 workers that are ended inside it', async ({ task }) => {
  const [, done] = await survive<{ passed: number; broken: number }>(KILLS, 'barrierLoop', new Barrier(3));
  const sum = (of: 'passed' | 'broken') => done.reduce((all, end) => all + end[of], 0);
  expect(sum('broken')).toBeGreaterThan(0);
  task.meta.figures = { passed: sum('passed'), broken: sum('broken') };
});
