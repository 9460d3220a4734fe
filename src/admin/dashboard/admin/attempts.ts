import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { Attempts } from '../../../platform/records/questions.ts'
import { chart } from '../parts/chart.ts'
import { count, short, when } from '../parts/format.ts'
import { card } from '../parts/pieces.ts'
import { type Column, table } from '../parts/table.ts'

const step = 3_600_000
const length = 7 * 24 * step

/** What to ask for. */
export const attemptsAsked = (now: number) => ({
  since: Math.floor((now - length) / step) * step + step,
  step,
})

/** Who was turned away in the last seven days, and who was banned for it. */
export const attempts = (
  { points, addresses }: Attempts,
  bans: readonly Ban[],
  now: number,
): Html => {
  if (points.length === 0) {
    return card(
      'Turned away',
      html`<div class="empty"><strong>Nobody was turned away</strong>In the last seven days whoever came was known.</div>`,
    )
  }
  return card(
    'Turned away',
    html`<div class="body">${timeline(points, bans, now)}</div>${table({
      caption: 'Turned away the most',
      columns: columns(now),
      rows: addresses,
      empty: '',
    })}`,
    'Requests of nobody in the last seven days, by the hour; a line stands where an address was banned.',
  )
}

const timeline = (points: Attempts['points'], bans: readonly Ban[], now: number): Html => {
  const { since } = attemptsAsked(now)
  const groups = [...Map.groupBy(points, ({ reason }) => reason)]
    .map(([reason, all]) => ({ reason, all, sum: all.reduce((sum, each) => sum + each.count, 0) }))
    .sort((a, b) => b.sum - a.sum)
  const [top, rest] = [groups.slice(0, 4), groups.slice(4).flatMap(({ all }) => all)]
  const series = top.map(({ reason, all }) => ({
    name: words(reason),
    at: new Map(all.map(({ at, count: many }) => [at, many])),
    rest: false,
  }))
  const others = { name: 'all others', at: added(rest), rest: true }
  return chart({
    label: 'Requests turned away in the last seven days, by the hour',
    since,
    until: now,
    step,
    series: rest.length > 0 ? [...series, others] : series,
    format: short,
    marks: bans
      .filter(({ startedAt }) => startedAt >= since)
      .map(({ startedAt, address }) => ({ at: startedAt, name: `${address} banned` })),
  })
}

const added = (points: Attempts['points']): Map<number, number> => {
  const sums = new Map<number, number>()
  for (const { at, count: many } of points) sums.set(at, (sums.get(at) ?? 0) + many)
  return sums
}

const known: Readonly<Record<string, string>> = {
  missing: 'nothing shown',
  malformed: 'unreadable',
  ambiguous: 'two at once',
  too_long: 'too long',
  unknown_user: 'unknown user',
  unknown_key: 'unknown key',
  wrong_password: 'wrong password',
  wrong_code: 'wrong code',
  no_code: 'no code',
  busy: 'too busy to check',
  throttled: 'too many tries',
  identity_mismatch: 'said to be somebody else',
  foreign_name: 'a foreign name',
  foreign_page: 'a page of another site',
  repeated: 'the same wrong one again',
  uncounted: 'wrong, not counted',
  bad_user_token: 'bad token of a user',
  expired_key: 'expired key',
  revoked_key: 'revoked key',
  bad_token: 'bad token',
  unavailable: 'could not be checked',
}

const words = (reason: string): string => known[reason] ?? reason

const columns = (now: number): readonly Column<Attempts['addresses'][number]>[] => [
  { head: 'Address', cell: ({ clientIp }) => html`<span class="mono">${clientIp}</span>` },
  {
    head: 'Why',
    cell: ({ reasons }) => reasons.split(',').map(words).join(', '),
  },
  { head: 'First', cell: ({ firstAt }) => when(firstAt, now) },
  { head: 'Last', cell: ({ lastAt }) => when(lastAt, now) },
  { head: 'Times', cell: ({ count: many }) => count(many), numeric: true },
]
