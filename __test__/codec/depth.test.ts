import { describe, expect, test } from 'vitest';
import { SerializationError } from '../../ts/internal/errors.js';
import { Pair } from './setup.js';

function nest(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 'core';
  for (let i = 0; i < levels; i++) value = wrap(value);
  return value;
}

const wraps: [string, (inner: unknown) => unknown][] = [
  ['objects', (next) => ({ next })],
  ['arrays', (next) => [next]],
  ['maps', (next) => new Map([['next', next]])],
  ['sets', (next) => new Set([next])],
  ['instances', (next) => Object.assign(new (class Node {})(), { next })],
];

describe('deep nesting', () => {
  test.each(wraps)('a hundred levels of %s arrive', (_, wrap) => {
    const pair = new Pair();
    const value = nest(100, wrap);
    for (let i = 0; i < 5; i++) expect(pair.one(value)).toEqual(structuredClone(value));
  });

  test.each(wraps)('a hundred thousand levels of %s arrive or are refused clearly', (_, wrap) => {
    const pair = new Pair();
    const value = nest(100_000, wrap);
    for (let i = 0; i < 3; i++) {
      try {
        pair.one(value);
      } catch (error) {
        expect(error).toBeInstanceOf(SerializationError);
        expect((error as Error).message).toMatch(/nested too deeply/);
      }
      expect(pair.one({ a: [1] })).toStrictEqual({ a: [1] });
    }
  });

  test('a cycle far down', () => {
    const pair = new Pair();
    const root: Record<string, unknown> = {};
    let last = root;
    for (let i = 0; i < 500; i++) {
      const next = {};
      last.next = next;
      last = next;
    }
    last.next = root;
    let copy = pair.one(root) as Record<string, unknown>;
    const first = copy;
    for (let i = 0; i < 501; i++) copy = copy.next as Record<string, unknown>;
    expect(copy).toBe(first);
  });
});
