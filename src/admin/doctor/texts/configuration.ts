import type { Text } from './text.ts'

export const configuration = {
  'configuration.error': {
    severity: 'error',
    says: '{place}: {message}',
    remedy: '{remedy}',
    means:
      'The file cannot be used as it is. A gateway that is starting refuses; one that runs keeps the configuration that ' +
      'was in force before. `postern check` lists the same with its key paths.',
  },
  'configuration.warning': {
    severity: 'warning',
    says: '{place}: {message}',
    remedy: '{remedy}',
    means: 'The file is taken, but something in it is probably not what its owner means.',
  },
  'configuration.unusable': {
    severity: 'unknown',
    says: 'the rest was not looked at: what is to be looked at stands in the configuration',
    remedy: 'Correct the configuration, and run this again',
    means: 'Providers, listeners and doors are known from the configuration only.',
  },
  'doctor.unasked': {
    severity: 'unknown',
    says: 'the part {subject} could not be looked at: {reason}',
    remedy: 'Run this again; if it stays so, tell us (docs/doctor.md, "When a check fails")',
    means:
      'A check broke off, or took longer than it may. It says nothing about your set-up, but that it was not looked at.',
  },
} as const satisfies Record<string, Text>
