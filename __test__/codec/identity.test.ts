import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pair, same, sparse } from './setup.js';

const pair = new Pair();

/** Names every object by where it is met first: two graphs are equal if their walks are. */
function walk(root: unknown): string {
  const names = new Map<unknown, number>();
  const parts: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) {
      parts.push(String(value));
      return;
    }
    const known = names.get(value);
    if (known !== undefined) {
      parts.push(`#${known}`);
      return;
    }
    names.set(value, names.size);
    parts.push(Object.prototype.toString.call(value), '(');
    if (value instanceof Map) for (const [k, v] of value) [k, v].forEach(visit);
    else if (value instanceof Set) for (const v of value) visit(v);
    else if (value instanceof Date) parts.push(String(value.getTime()));
    else for (const [k, v] of Object.entries(value)) [k, v].forEach(visit);
    parts.push(')');
  };
  visit(root);
  return parts.join(' ');
}

describe('identity', () => {
  test('graphs of any form, with cycles', () => {
    const graph = fc
      .tuple(
        fc.array(fc.constantFrom('object', 'array', 'map', 'set', 'date', 'error'), { minLength: 1, maxLength: 60 }),
        fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 150 }),
      )
      .map(([kinds, edges]) => {
        const nodes = kinds.map((kind): object => {
          if (kind === 'object') return {};
          if (kind === 'array') return [];
          if (kind === 'map') return new Map();
          if (kind === 'set') return new Set();
          if (kind === 'date') return new Date(5);
          return Object.assign(new Error('e'), { stack: 'none' });
        });
        edges.forEach(([a, b], i) => {
          const from = nodes[a % nodes.length];
          const to = nodes[b % nodes.length];
          if (Array.isArray(from)) from.push(to);
          else if (from instanceof Map) from.set(i % 2 ? to : i, to);
          else if (from instanceof Set) from.add(to);
          else if (!(from instanceof Date)) Object.assign(from, { [`e${i % 7}`]: to });
        });
        return nodes;
      });
    fc.assert(
      fc.property(graph, (nodes) => {
        expect(walk(pair.one(nodes))).toBe(walk(nodes));
        expect(walk(pair.one(nodes[0]))).toBe(walk(nodes[0]));
      }),
      { numRuns: 500 },
    );
  });

  test('an object that holds itself, in every kind of container', () => {
    const object: Record<string, unknown> = {};
    object.self = object;
    const array: unknown[] = [];
    array.push(array);
    const map = new Map();
    map.set(map, map);
    const set = new Set();
    set.add(set);
    const error = new Error('e');
    error.cause = error;
    const named: unknown[] & { me?: unknown } = [1];
    named.me = named;
    for (let i = 0; i < 3; i++) {
      const o = pair.one(object) as Record<string, unknown>;
      expect(o.self).toBe(o);
      const a = pair.one(array) as unknown[];
      expect(a[0]).toBe(a);
      const m = pair.one(map) as Map<unknown, unknown>;
      expect(m.get(m)).toBe(m);
      const s = pair.one(set) as Set<unknown>;
      expect(s.has(s)).toBe(true);
      const e = pair.one(error) as Error;
      expect(e.cause).toBe(e);
      const n = pair.one(named) as { me: unknown };
      expect(n.me).toBe(n);
    }
  });

  test('everything that is an object keeps its identity', () => {
    const fn = () => 1;
    pair.hooks.sendable.add(fn);
    const bytes = new Uint8Array(4);
    const shared = [
      {},
      [],
      [1, 2, 3, 4, 5, 6, 7],
      [0.5, 2, 3, 4, 5, 6, 7],
      sparse(2, { 1: 1 }),
      Object.assign([1], { a: 1 }),
      new Map(),
      new Set(),
      new Date(),
      /x/,
      Object('s'),
      bytes,
      bytes.buffer,
      new DataView(new ArrayBuffer(2)),
      Buffer.from('abc'),
      new Error('e'),
      new DOMException('d', 'AbortError'),
      fn,
      new SharedArrayBuffer(4),
      Object.create({ p: 1 }),
    ];
    const copy = pair.one([shared, [...shared].reverse()]) as unknown[][];
    expect(new Set(copy[0]).size).toBe(shared.length);
    for (const [i, value] of copy[0].entries()) expect(copy[1][shared.length - 1 - i]).toBe(value);
  });

  test('more objects than the short list holds', () => {
    for (const count of [30, 31, 32, 33, 34, 100, 1000]) {
      const objects = Array.from({ length: count }, (_, i) => ({ i }));
      const copy = pair.one([objects, objects.slice().reverse()]) as object[][];
      expect(copy[0]).toStrictEqual(objects);
      for (const [i, object] of copy[0].entries()) expect(copy[1][count - 1 - i]).toBe(object);
    }
  });

  test('arguments of one call share objects', () => {
    const shared = { a: 1 };
    const [first, second] = pair.many([shared, [shared]], false) as [object, object[]];
    expect(second[0]).toBe(first);
  });

  test('independent values share nothing, yet keep their own identities', () => {
    const shared = { a: 1 };
    const cycle: Record<string, unknown> = {};
    cycle.me = cycle;
    const bytes = new Uint8Array(8);
    const result = pair.many([shared, [shared, shared], cycle, bytes, [bytes, bytes.buffer]], true) as [
      object,
      object[],
      Record<string, unknown>,
      Uint8Array,
      [Uint8Array, ArrayBuffer],
    ];
    expect(result[1][0]).not.toBe(result[0]);
    expect(result[1][0]).toBe(result[1][1]);
    expect(result[2].me).toBe(result[2]);
    expect(result[4][0].buffer).toBe(result[4][1]);
    expect(result[4][0].buffer).not.toBe(result[3].buffer);
  });

  test('independent pages of many values', () => {
    const values = Array.from({ length: 64 }, (_, i) => ({
      id: i,
      name: `user${i}`,
      score: i / 2,
      tags: ['a', 'b'],
      sub: { i },
    }));
    for (let round = 0; round < 5; round++) expect(same(pair.many(values, true), values)).toBe(true);
    expect(pair.many([], true)).toEqual([]);
    expect(pair.many([undefined], false)).toEqual([undefined]);
  });

  test('only the asked-for range of values is written', () => {
    const end = pair.encoder.encode(pair.target, 0, 1000, ['a', 'b', 'c', 'd'], 1, 3, true);
    expect(pair.decoder.decode(pair.target, 0, end)).toEqual(['b', 'c']);
  });
});
