import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'manycore-'));
const application = join(folder, 'application');
let env: NodeJS.ProcessEnv;
let packed: { filename: string; files: { path: string }[] };

/** The environment of a machine without Rust: this Node comes first, folders with a `cargo` are left out. */
function withoutRust(): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !existsSync(join(entry, 'cargo')));
  return { ...process.env, PATH: [bin, ...path].join(delimiter), CARGO_HOME: folder, NODE_OPTIONS: '' };
}

const run = async (command: string, args: string[], cwd: string, environment = process.env): Promise<string> =>
  (await promisify(execFile)(command, args, { cwd, env: environment, maxBuffer: 1 << 26 })).stdout;

beforeAll(async () => {
  await run('npm', ['run', 'prebuild'], root);
  [packed] = JSON.parse(await run('npm', ['pack', '--json', '--pack-destination', folder], root));
  env = withoutRust();
  mkdirSync(application);
  writeFileSync(join(application, 'package.json'), '{ "name": "application", "private": true, "type": "module" }');
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...flags, join(folder, packed.filename)], application, env);
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('no Rust can be found where the package is installed', async () => {
  await expect(run('cargo', ['--version'], application, env)).rejects.toThrow('ENOENT');
});

test("the tarball holds this platform's binary, the worker and the types, and no sources or tests", () => {
  const paths = packed.files.map((file) => file.path);
  expect(
    paths.filter((path) => path.startsWith(`prebuilds/${process.platform}-${process.arch}/manycore.`)),
  ).toHaveLength(1);
  expect(paths).toEqual(
    expect.arrayContaining(['dist/bundle/index.js', 'dist/index.d.ts', 'dist/worker.cjs', 'README.md', 'LICENSE']),
  );
  expect(paths.filter((path) => /^(crates|ts|__test__|bench|build|scripts)\//.test(path))).toEqual([]);
});

test("the README's example runs from the installed package", async () => {
  const [, example] = /^```js\n(.+?)^```$/ms.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  const [, expected] = /^```text\n(.+?)^```$/ms.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  writeFileSync(join(application, 'example.js'), example as string);
  expect(await run('node', ['example.js'], application, env)).toBe(expected);
});

test('the entry for shared memory runs from the installed package, and its tracker with it', async () => {
  const script = `
    import { SharedMemory } from 'manycore/shared-memory';
    const shm = SharedMemory.create({ size: 10 });
    new Uint8Array(shm.buffer)[9] = 7;
    console.log(new Uint8Array(SharedMemory.attach(shm.name).buffer)[9], shm.name);
    process.kill(process.pid, 'SIGKILL');`;
  const args = ['--input-type=module', '-e', script];
  const killed = promisify(execFile)('node', args, { cwd: application, env });
  const { signal, stdout, stderr } = (await killed.catch((error) => error)) as Record<string, string>;
  expect(signal).toBe('SIGKILL');
  expect(stdout).toMatch(/^7 psm_[\da-f]{8}\n$/);
  expect(stderr).toContain(`to clean up at shutdown: ${stdout?.slice(2)}`);
});

test('what runs is the prebuilt binary, not one built here', async () => {
  const script = `
    import { Pool } from 'manycore';
    const pool = await new Pool(1).ready();
    console.log(process.report.getReport().sharedObjects.join('\\n'));
    await pool.terminate();`;
  const loaded = (await run('node', ['--input-type=module', '-e', script], application, env)).split('\n');
  const binaries = loaded.filter((path) => path.endsWith('.node'));
  expect(binaries).toHaveLength(1);
  expect(binaries[0]).toContain(join('application', 'node_modules', 'manycore', 'prebuilds'));
});
