import { Failure } from '../../platform/failure.ts'
import type { Outcome, UsageRow } from '../../platform/records/usage.ts'

/** How a request ended, and the code that tells why. */
export type Ending = Pick<UsageRow, 'outcome' | 'errorCode'>

/**
 * Of a request whose answer was passed on.
 * @param ended how the passing on ended
 * @param code the provider's, or ours where we stopped it
 */
export const endingOfAnswer = (
  ended: Exclude<Outcome, 'rejected'>,
  status: number,
  code: string | undefined,
): Ending => {
  const isError = (ended === 'ok' && status >= 400) || (ended !== 'cut' && code !== undefined)
  const outcome = isError ? 'upstream_error' : ended
  switch (outcome) {
    case 'upstream_error':
      return { outcome, errorCode: providerCode(status, code) }
    case 'cut':
      return { outcome, errorCode: safe(code ?? 'not_ready') }
    default:
      return { outcome, errorCode: null }
  }
}

/** Without a code of the provider's own its status says the most. */
const providerCode = (status: number, code: string | undefined): string => {
  if (code !== undefined && code !== 'upstream_error') return safe(code)
  return status >= 400 ? `http_${Math.floor(status / 100)}xx` : 'upstream_error'
}

const longest = 64

/** A code is written by a provider, and shown to people and spreadsheets. */
const safe = (code: string): string => code.slice(0, longest).replaceAll(/[^\w.:/-]/g, '_')

/**
 * Of a request that we answered ourselves.
 * @param error what was thrown, if anything was
 * @param sent a provider was asked
 */
export const endingOfOurs = (status: number, error: Error | undefined, sent: boolean): Ending => {
  // The client left before there was an answer.
  if (status === 499) return { outcome: 'client_gone', errorCode: null }
  if (status < 400) return { outcome: 'ok', errorCode: null }
  const errorCode = error instanceof Failure ? error.code : 'internal_error'
  return { outcome: outcomeOf(errorCode, sent), errorCode }
}

const outcomeOf = (code: string, sent: boolean): Outcome => {
  if (code === 'upstream_error' || code === 'upstream_timeout') return 'upstream_error'
  return code === 'not_ready' && sent ? 'cut' : 'rejected'
}
