import { defineConfig } from 'vitest/config';

/** Every disk call of every scenario of the log fails in every way, with several draws of what a crash leaves; every region is damaged. */
export default defineConfig({
  test: {
    include: ['src/log/crash.test.ts', 'src/log/damage.test.ts', 'src/node/disk-faults.test.ts'],
    testTimeout: 3_600_000,
    maxWorkers: 1,
    env: { CRASH_DRAWS: process.env.CRASH_DRAWS ?? '6' },
  },
});
