import { defineConfig } from 'vitest/config'

// `unit` needs nothing but npm packages, `real` and `field` the parts that test/real/setup.ts brings, `tailnet` those
// that test/tailnet/setup.ts builds. `field` plays programs of others against the gateway.
export default defineConfig({
  test: {
    // A core less is the default, which is half of a machine with two.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/tailnet/**', 'test/field/**'],
          testTimeout: 30_000,
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
          name: 'field',
          include: ['test/field/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
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
