import { defineConfig } from 'vitest/config'

// `unit` needs nothing but npm packages, `real` the parts that test/real/setup.ts brings, `tailnet` those that
// test/tailnet/setup.ts builds.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/tailnet/**'],
          testTimeout: 15_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'tailnet',
          include: ['test/tailnet/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 90_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
