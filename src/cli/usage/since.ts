import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../../config/values/units.ts'

/** `7d`, a date or `all` as ms since the epoch. */
export function start(text: string): number {
  if (text === 'all') return 0
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = Date.parse(text)
    if (!Number.isNaN(at)) return at
  }
  return ago(text)
}

export function ago(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('Give 7d, 12h, a date, or all.')
  return Date.now() - ms
}
