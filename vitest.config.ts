import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['__test__/**/*.test.ts'],
    // Child processes: native addons and worker threads of the tests' own do not mix with vitest's threads.
    pool: 'forks',
    // One file at a time: every test file starts workers of its own, for as many cores as there are.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The built package and the modules that workers import are loaded by Node itself, never a transformed copy.
    server: { deps: { external: [/\/dist\//, /\.(mjs|cjs)$/] } },
  },
});
