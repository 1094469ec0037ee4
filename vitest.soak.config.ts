import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.js';

// The long tests: thousands of cycles each.
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({
    test: { include: ['__test__/soak/*.soak.ts'], testTimeout: 1_800_000, hookTimeout: 60_000 },
  }),
);
