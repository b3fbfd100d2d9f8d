import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/fuzz/endless.fuzz.ts'],
    disableConsoleIntercept: true,
    testTimeout: 0,
    maxWorkers: 1,
  },
});
