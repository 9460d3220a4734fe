/** Model names that the fake upstream gives a behaviour of their own, and `m`, which has none. */
export const models = [
  'm',
  'slow',
  'usage-always',
  'usage-last',
  'usage-none',
  'dies-rst',
  'dies-fin',
  'silent',
  'empty',
  'html',
  'echo-key',
  'flood',
]
