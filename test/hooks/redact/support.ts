import type { RedactKind } from '../../../src/config/config.ts'
import { parsePattern } from '../../../src/config/values/text-pattern.ts'
import { Turn } from '../../../src/gateway/hooks/redact/redact.ts'

export const clock = { now: () => Date.now(), elapsed: () => performance.now() }

export const noHurry = (): Turn => new Turn(clock, new AbortController().signal, 0)

export const pattern = (source: string) => {
  const { pattern: parsed, why } = parsePattern(source)
  if (!parsed) throw new Error(why)
  return parsed
}

export const allKinds: readonly RedactKind[] = [
  'private_key',
  'api_key',
  'jwt',
  'email',
  'phone',
  'iban',
  'credit_card',
]
