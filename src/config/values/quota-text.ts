import type { QuotaLimit, QuotaUnit } from '../config.ts'
import { parseDuration } from './units.ts'

/** An amount, in the unit's own measure: billionths of a dollar, tokens, requests, ms, requests at once. */
export interface Amount {
  readonly unit: QuotaUnit
  readonly amount: number
}

/** Billionths in a dollar. */
const NANO = 1e9

const SCALE: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 }

/** `month` is 30 days, as in Aperture. In ms. */
const PERIODS: Readonly<Record<string, number>> = {
  min: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
}

/** `$10.00`, `2M tokens`, `500 requests`, `2h compute`, `4 concurrent`; undefined when it is none of them. */
export function parseAmount(text: string): Amount | undefined {
  const read = readAmount(text.trim())
  return read && Number.isSafeInteger(read.amount) ? read : undefined
}

function readAmount(text: string): Amount | undefined {
  const money = /^\$ ?(\d+)(?:\.(\d{1,9}))?$/.exec(text)
  if (money) {
    const [, whole, fraction = ''] = money
    return { unit: 'dollars', amount: Number(whole) * NANO + Number(fraction.padEnd(9, '0')) }
  }
  const counted = /^(\d+(?:\.\d+)?) ?([kMG]?) (token|request|concurrent)s?$/.exec(text)
  if (counted) {
    const amount = Math.round(Number(counted[1]) * (SCALE[counted[2] ?? ''] ?? 1))
    return { unit: UNITS[counted[3] ?? ''] ?? 'requests', amount }
  }
  const spent = /^(\S+) compute$/.exec(text)
  const amount = spent?.[1] === '0' ? 0 : parseDuration(spent?.[1] ?? '')
  return amount === undefined ? undefined : { unit: 'compute', amount }
}

const UNITS: Readonly<Record<string, QuotaUnit>> = {
  token: 'tokens',
  request: 'requests',
  concurrent: 'concurrent',
}

export type ReadQuota =
  | { readonly limit: QuotaLimit; readonly why?: undefined }
  | { readonly limit?: undefined; readonly why: string }

/** What a quota says, or why nobody can tell. */
export function parseQuota(quota: {
  readonly capacity?: string | undefined
  readonly rate?: string | undefined
  readonly on_exceed?: string | undefined
  readonly unknown_price?: string | undefined
  readonly webui_tasks?: string | undefined
}): ReadQuota {
  const { capacity = '', rate, on_exceed = 'reject' } = quota
  if (on_exceed !== 'reject') return { why: '"on_exceed" must be "reject"' }
  const most = parseAmount(capacity)
  if (!most) return { why: `"capacity" is none of ${AMOUNTS}` }
  const { unknown_price: unknown } = quota
  if (unknown !== undefined && (most.unit !== 'dollars' || !isChoice(unknown))) {
    return { why: '"unknown_price" is "allow" or "reject", and goes with dollars' }
  }
  const { webui_tasks: tasks } = quota
  if (tasks !== undefined && (most.unit !== 'requests' || tasks !== 'free')) {
    return { why: '"webui_tasks" is "free", and goes with requests' }
  }
  const limit = {
    unit: most.unit,
    capacity: most.amount,
    ...(unknown !== undefined && { unknownPrice: unknown }),
    ...(tasks === 'free' && { webuiTasks: 'free' as const }),
  }
  if (rate === undefined || rate === '') return { limit }
  const refill = parseRate(rate)
  if (!refill) return { why: `"rate" is not an amount a min, hour, day, week or month` }
  if (most.unit === 'concurrent') return { why: 'places at once have no "rate"' }
  if (refill.unit !== most.unit) return { why: '"rate" counts something else than "capacity"' }
  return { limit: { ...limit, rate: { amount: refill.amount, per: refill.per, text: rate } } }
}

const isChoice = (text: string): text is 'allow' | 'reject' => text === 'allow' || text === 'reject'

const AMOUNTS = '"$10.00", "2M tokens", "500 requests", "2h compute" and "4 concurrent"'

/** `$5.00/day`, `500 requests/hour`. */
function parseRate(text: string): (Amount & { readonly per: number }) | undefined {
  const slash = text.lastIndexOf('/')
  const per = PERIODS[text.slice(slash + 1).trim()]
  const amount = slash === -1 ? undefined : parseAmount(text.slice(0, slash))
  return amount && per !== undefined ? { ...amount, per } : undefined
}

/** As people read it, rounded down: `$4.20`, `1,500 tokens`, `1h 30m compute`. */
export const formatAmount = ({ unit, amount }: Amount): string => {
  const sign = amount < 0 ? '-' : ''
  const size = Math.abs(amount)
  switch (unit) {
    case 'dollars':
      return `${sign}$${dollars(size)}`
    case 'compute':
      return `${sign}${duration(size)} compute`
    case 'concurrent':
      return `${sign}${size} concurrent`
    default:
      return `${sign}${size.toLocaleString('en-US')} ${size === 1 ? unit.slice(0, -1) : unit}`
  }
}

/** Cents, and more digits where there are any. */
const dollars = (nano: number): string => {
  const fraction = String(nano % NANO).padStart(9, '0')
  return `${Math.floor(nano / NANO)}.${fraction.slice(0, 2)}${fraction.slice(2).replace(/0+$/, '')}`
}

const duration = (ms: number): string => {
  const parts = [
    [Math.floor(ms / 3_600_000), 'h'],
    [Math.floor(ms / 60_000) % 60, 'm'],
    [Math.floor(ms / 1000) % 60, 's'],
    [ms < 1000 ? Math.floor(ms) : 0, 'ms'],
  ] as const
  return parts.flatMap(([count, name]) => (count > 0 ? [`${count}${name}`] : [])).join(' ') || '0s'
}

/** The part of a bucket's name after its first colon, and what stands before it. */
export function splitName(name: string): { readonly stem: string; readonly template?: string } {
  const colon = name.indexOf(':')
  return colon === -1
    ? { stem: name }
    : { stem: name.slice(0, colon), template: name.slice(colon + 1) }
}

/** Whose bucket it is; undefined for a template that nobody knows. */
export function holderOf(name: string): 'everybody' | 'user' | 'node' | undefined {
  switch (splitName(name).template) {
    case undefined:
      return 'everybody'
    case '<user>':
      return 'user'
    case '<node>':
      return 'node'
    default:
      return undefined
  }
}
