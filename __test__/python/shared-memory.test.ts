import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { SerializationError } from 'manycore';
import { type Shareable, ShareableList, SharedMemory } from 'manycore/shared-memory';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failure, makePool, ref, startScript, thrown } from '../helpers.js';
import {
  hasNumpy,
  hasPython,
  isThere,
  known,
  leaked,
  makeBlock,
  newName,
  python,
  startPython,
  succeeded,
  unlinkAfterwards,
} from '../named.js';

/** Has the next random names made of these bytes. */
function nextRandom(...bytes: string[]): void {
  const { randomBytes } = crypto;
  const random = (() => Buffer.from(bytes.shift() as string, 'hex')) as typeof randomBytes;
  const use = (them: typeof randomBytes): void => {
    crypto.randomBytes = them;
    syncBuiltinESMExports();
  };
  use(random);
  onTestFinished(() => use(randomBytes));
}

function makeList(values: Iterable<Shareable>, name?: string): ShareableList {
  const list = ShareableList.create(values, { name });
  unlinkAfterwards(list.shm);
  return list;
}

describe('SharedMemory', () => {
  test('165 name, size and buffer; who attaches sees what others write', () => {
    const name = newName();
    const shm = makeBlock({ name, size: 512 });
    expect(shm.name).toBe(name);
    expect(shm.size).toBe(512);
    expect(shm.buffer.byteLength).toBe(512);
    const bytes = new Uint8Array(shm.buffer);
    bytes[0] = 42;
    const other = SharedMemory.attach(name);
    expect(other.size).toBe(512);
    expect(new Uint8Array(other.buffer)[0]).toBe(42);
    new Uint8Array(other.buffer)[511] = 43;
    expect(bytes[511]).toBe(43);
    // Python ignores a size there; here it is no option.
    expect(thrown(() => SharedMemory.attach(name, { size: 4 } as never)).message).toContain('size');
    other.close();
    expect(bytes[511]).toBe(43);
  });

  test('165 names that are taken, missing, or gone', () => {
    const shm = makeBlock();
    const taken = thrown(() => SharedMemory.create({ name: shm.name, size: 1 }));
    expect(taken).toMatchObject({ code: 'EEXIST', errno: -17 });
    expect(taken.message).toContain(shm.name);
    const missing = thrown(() => SharedMemory.attach('manycore-test-missing'));
    expect(missing).toMatchObject({ code: 'ENOENT', errno: -2 });
    expect(missing.message).toContain('manycore-test-missing');
    expect(thrown(() => (SharedMemory.attach as () => unknown)()).message).toContain('`name`');
    shm.unlink();
    expect(thrown(() => shm.unlink())).toMatchObject({ code: 'ENOENT' });
  });

  test('165 with and without the slash of POSIX', () => {
    const name = newName();
    const shm = makeBlock({ name: `/${name}` });
    expect(shm.name).toBe(`/${name}`);
    expect(isThere(name)).toBe(true);
    SharedMemory.attach(name).unlink();
  });

  test("166 a random name that somebody has: the next is taken, of CPython's form", () => {
    expect(makeBlock().name).toMatch(/^psm_[\da-f]{8}$/);
    nextRandom('0f000001', '0f000001', '0f000001', '0f000002');
    expect(makeBlock().name).toBe('psm_0f000001');
    expect(makeBlock().name).toBe('psm_0f000002');
  });

  test('167 sizes of −1, 0, and none', () => {
    for (const size of [-1, 0]) {
      const error = thrown(() => SharedMemory.create({ size }));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain('`size`');
    }
    expect(thrown(() => SharedMemory.create({} as never))).toBeInstanceOf(TypeError);
  });

  test('168 a name with a NUL', () => {
    for (const make of [
      () => SharedMemory.create({ name: 'a\0b', size: 1 }),
      () => SharedMemory.attach('a\0b'),
      () => ShareableList.create([], { name: 'a\0b' }),
      () => ShareableList.attach('\0'),
    ]) {
      const error = thrown(make);
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain('`name`');
    }
  });

  test('169 a name with colons, and with lines: no errors of the tracker', async () => {
    const name = `${newName()}:a:b\n+0:c`;
    known(name);
    const code = `
      import { SharedMemory } from 'manycore/shared-memory';
      const [unlinked, left] = JSON.parse(process.argv[1]).map((name) => SharedMemory.create({ name, size: 1 }));
      unlinked.unlink();`;
    const { spawn } = await import('node:child_process');
    const args = ['--input-type=module', '-e', code, JSON.stringify([`${name}:`, name])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(stderr).toBe(`manycore: ${leaked(1)}: ${name}\n`);
    expect(isThere(name)).toBe(false);
  });
});

describe('sent handles', () => {
  const task = (name: string) => ref('named.mjs', name);

  test('170 a sent block has the same bytes, both ways', async () => {
    const shm = makeBlock({ size: 100 });
    const bytes = new Uint8Array(shm.buffer);
    bytes[0] = 7;
    expect(await makePool(1).apply(task('change'), [{ deep: [shm] }])).toEqual({ found: 7, size: 100, name: shm.name });
    expect(bytes[1]).toBe(9);
    const same = await makePool(1).apply(task('give'), [shm]);
    expect(same).toBeInstanceOf(SharedMemory);
    bytes[2] = 11;
    expect(new Uint8Array(same.buffer)[2]).toBe(11);
    same.close();
  });

  test('170 a block that was unlinked before it arrives', async () => {
    const shm = makeBlock({ size: 100 });
    const pool = makePool(1);
    shm.unlink();
    const error = await failure(() => pool.apply(task('give'), [shm]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
  });

  test('177 a sent list has the same slots, and its handle no more than a name', async () => {
    const values = ['initial', 1, 2.5, null, true, 'x'.repeat(1000)];
    const list = makeList(values);
    expect(await makePool(1).apply(task('changeList'), [list])).toEqual(values);
    expect(list.get(0)).toBe('changed');
  });
});

describe('across processes', () => {
  test('171 a process of Node, by name', async () => {
    const shm = makeBlock();
    const other = startScript('named-blocks.mjs');
    other.write(`borrow ${shm.name}\nunlink ${shm.name}\nexit\n`);
    expect(succeeded(await other.finished)).toBe('done 1\ndone 2');
    expect(isThere(shm.name)).toBe(false);
  });

  test.skipIf(!hasPython)('171 Python makes a block; Node reads and writes; Python sees it', async () => {
    const name = known(newName());
    const maker = startPython(
      `
shm = SharedMemory(name, create=True, size=5000)
shm.buf[:5] = b'hello'
say('made')
input()
say(bytes(shm.buf[:5]) + bytes(shm.buf[4999:]))
shm.close()
shm.unlink()
`,
      name,
    );
    await maker.printed('made');
    const shm = SharedMemory.attach(name, { track: false });
    expect(shm.size).toBe(5000);
    const bytes = Buffer.from(shm.buffer);
    expect(bytes.toString('latin1', 0, 5)).toBe('hello');
    bytes.write('HELLO');
    bytes[4999] = 33;
    maker.write('\n');
    expect(succeeded(await maker.finished)).toBe("made\nb'HELLO!'");
    expect(thrown(() => SharedMemory.attach(name))).toMatchObject({ code: 'ENOENT' });
  });

  test.skipIf(!hasPython)('171 Node makes a block; Python reads and writes; Node sees it', async () => {
    const shm = makeBlock({ size: 5000 });
    const numbers = new Float64Array(shm.buffer, 0, 4);
    numbers.set([1.5, -2, Number.POSITIVE_INFINITY, 4]);
    const printed = await python(
      `
import struct
shm = attach()
print(shm.size, shm.name, struct.unpack_from('4d', shm.buf))
struct.pack_into('d', shm.buf, 8, 99.5)
shm.close()
`,
      shm.name,
    );
    expect(printed).toBe(`5000 ${shm.name} (1.5, -2.0, inf, 4.0)`);
    expect([...numbers]).toEqual([1.5, 99.5, Number.POSITIVE_INFINITY, 4]);
  });

  test.skipIf(!hasPython)("171 Python unlinks Node's block, and finds its name taken before", async () => {
    const shm = makeBlock();
    const code = `
try:
    SharedMemory(name, create=True, size=1)
except FileExistsError:
    print('taken')
shm = SharedMemory(name)
shm.close()
shm.unlink()
`;
    expect(await python(code, shm.name)).toBe('taken');
    expect(thrown(() => SharedMemory.attach(shm.name))).toMatchObject({ code: 'ENOENT' });
  });

  test.skipIf(!hasNumpy)('171 an array of numpy, both ways', async () => {
    const shm = makeBlock({ size: 6 * 8 });
    const matrix = new Float64Array(shm.buffer);
    matrix.set([1, 2, 3, 4, 5, 6]);
    const code = `
import numpy
shm = attach()
matrix = numpy.ndarray((2, 3), dtype=numpy.float64, buffer=shm.buf)
print(matrix.sum(axis=1).tolist())
matrix *= 10
del matrix
shm.close()
`;
    expect(await python(code, shm.name)).toBe('[6.0, 15.0]');
    expect([...matrix]).toEqual([10, 20, 30, 40, 50, 60]);
  });
});

describe('clean-up', () => {
  test('174 a killed owner: its blocks are removed, and the user is told', async () => {
    const owner = startScript('named-blocks.mjs');
    const names = [newName(), newName()];
    owner.write(names.map((name) => `create ${name}\n`).join(''));
    await owner.printed('done 2\n');
    expect(names.every(isThere)).toBe(true);
    owner.signal('SIGKILL');
    const { signal, stderr } = await owner.finished;
    expect(signal).toBe('SIGKILL');
    expect(stderr).toBe(`manycore: ${leaked(2)}: ${names.join(', ')}\n`);
    expect(names.some(isThere)).toBe(false);
  });

  test('175 attached without tracking: the block outlives the process', async () => {
    const { name } = makeBlock();
    const other = startScript('named-blocks.mjs');
    other.write(`borrow ${name}\nexit\n`);
    succeeded(await other.finished);
    expect(isThere(name)).toBe(true);
  });

  test('175 attached with tracking: the block ends with the process, and the user is told', async () => {
    const { name } = makeBlock();
    const other = startScript('named-blocks.mjs');
    other.write(`attach ${name}\nexit\n`);
    const { code, stderr } = await other.finished;
    expect(code).toBe(0);
    expect(stderr).toContain(leaked(1));
    expect(isThere(name)).toBe(false);
  });

  test.skipIf(!hasPython)("175 a block of Node's that Python's own tracker removes", async () => {
    const shm = makeBlock();
    const { code, stderr } = await startPython('SharedMemory(name)', shm.name).finished;
    expect(code).toBe(0);
    expect(stderr).toContain(leaked(1));
    expect(isThere(shm.name)).toBe(false);
  });
});

describe('ShareableList', () => {
  const values = ['howdy', new Uint8Array([72, 111]), -273.15, 100, null, true, 42];

  test('176 mixed types by index, and errors of indices', () => {
    const list = makeList(values);
    expect(list.length).toBe(7);
    expect([...list]).toEqual(values);
    expect(list.format).toBe('8s8sdqxxxxxx?xxxxxxxx?q');
    expect(list.get(-7)).toBe('howdy');
    expect(list.get(-1)).toBe(42);
    list.set(-1, 43);
    expect(list.get(6)).toBe(43);
    for (const index of [7, -8, 0.5, Number.NaN]) {
      expect(thrown(() => list.get(index))).toBeInstanceOf(RangeError);
      expect(thrown(() => list.set(index, 1)).message).toContain('`index`');
    }
    expect(thrown(() => list.get('0' as never))).toBeInstanceOf(TypeError);
  });

  test('176 a slot takes values of other types', () => {
    const list = makeList(values);
    list.set(3, 'some');
    expect(list.get(3)).toBe('some');
    expect(list.format).toBe('8s8sd8sxxxxxx?xxxxxxxx?q');
    list.set(0, 1.5);
    list.set(1, null);
    list.set(4, -7);
    expect([...list]).toEqual([1.5, null, -273.15, 'some', -7, true, 42]);
    expect(thrown(() => list.set(4, { a: 1 } as never))).toBeInstanceOf(TypeError);
  });

  test('176 a string has as many bytes as its slot, and never touches its neighbours', () => {
    const list = makeList(['0123456\xdf'.normalize(), 'next', 5]);
    expect(list.format).toBe('16s8sq');
    list.set(1, '12345678');
    expect(list.get(1)).toBe('12345678');
    list.set(1, '123456ß');
    for (const text of ['123456789', '1234567ß', '€€€']) {
      const error = thrown(() => list.set(1, text));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toContain('at most 8 bytes');
    }
    list.set(2, 'ßßßß');
    expect(thrown(() => list.set(2, new Uint8Array(9)))).toBeInstanceOf(RangeError);
    expect([...list]).toEqual(['0123456ß', '123456ß', 'ßßßß']);
  });

  test('176 NULs at the end of strings and bytes are lost', () => {
    const list = makeList(['ab\0\0', '\0a', new Uint8Array([1, 0, 2, 0])]);
    expect([...list]).toEqual(['ab', '\0a', new Uint8Array([1, 0, 2])]);
  });

  test('176 count and index', () => {
    const list = makeList(['a', 1, 'a', true, null, new Uint8Array([1])]);
    expect(list.count('a')).toBe(2);
    expect(list.count('b')).toBe(0);
    // Python counts True as 1, too.
    expect(list.count(1)).toBe(1);
    expect(list.index('a')).toBe(0);
    expect(list.index(null)).toBe(4);
    expect(list.index(new Uint8Array([1]))).toBe(5);
    const error = thrown(() => list.index('b'));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toContain('`b`');
  });

  test('176 by name, as a copy, and empty', () => {
    const name = newName();
    const list = makeList(values, name);
    expect(list.shm.name).toBe(name);
    const same = ShareableList.attach(name);
    same.set(0, 'new');
    expect(list.get(0)).toBe('new');
    const copy = makeList(list);
    copy.set(0, 'copy');
    expect([...copy].slice(1)).toEqual([...list].slice(1));
    expect(list.get(0)).toBe('new');
    const empty = makeList([]);
    expect(empty.length).toBe(0);
    expect([...ShareableList.attach(empty.shm.name)]).toEqual([]);
    expect(empty.format).toBe('');
    expect(thrown(() => empty.get(0))).toBeInstanceOf(RangeError);
    expect(thrown(() => empty.index(1))).toBeInstanceOf(RangeError);
  });

  test.skipIf(!hasPython)('176 Python makes a list; Node reads and writes; Python sees it', async () => {
    const name = known(newName());
    const maker = startPython(
      `
values = ShareableList(['howdy', b'Ho', -273.15, 100, None, True, 2 ** 62, 'é'], name=name)
say('made')
input()
say(list(values))
values.shm.close()
values.shm.unlink()
`,
      name,
    );
    await maker.printed('made');
    const list = ShareableList.attach(name, { track: false });
    expect([...list]).toEqual(['howdy', new Uint8Array([72, 111]), -273.15, 100, null, true, 2n ** 62n, 'é']);
    const changed = ['ß', new Uint8Array([1]), 5, 0.25, true, null, 'text', -1n];
    for (const [i, value] of changed.entries()) list.set(i, value);
    maker.write('\n');
    const printed = succeeded(await maker.finished);
    expect(printed).toBe("made\n['ß', b'\\x01', 5, 0.25, True, None, 'text', -1]");
  });

  test.skipIf(!hasPython)('176 Node makes a list; Python reads and writes; Node sees it', async () => {
    const list = makeList([...values, 2n ** 62n, '€€€€']);
    const printed = await python(
      `
values = attach_list()
print(list(values), values.format, values.count('howdy'), values.index(42))
values[0], values[2], values[3], values[8] = 'hi', None, 2.5, 'é' * 8
values.shm.close()
`,
      list.shm.name,
    );
    const formats = '8s8sdqxxxxxx?xxxxxxxx?qq16s';
    expect(printed).toBe(`['howdy', b'Ho', -273.15, 100, None, True, 42, 4611686018427387904, '€€€€'] ${formats} 1 6`);
    expect([...list]).toEqual(['hi', values[1], null, 2.5, null, true, 42, 2n ** 62n, 'é'.repeat(8)]);
  });
});
