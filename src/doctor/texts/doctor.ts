import type { Text } from './text.ts'

export const doctor = {
  'doctor.unasked': {
    severity: 'unknown',
    says: 'the part {subject} could not be looked at: {reason}',
    remedy: 'Run this again; if it stays so, tell us (docs/doctor.md, "When a check fails")',
    means:
      'A check broke off, or took longer than it may. It says nothing about your set-up, but that it was not looked at.',
  },
} as const satisfies Record<string, Text>
