import { html } from 'hono/html'
import type { Ask, Questions } from '../../../platform/records/questions.ts'
import { linkTo } from '../links.ts'
import type { DashboardPage, View } from '../page.ts'
import { card, tabs } from '../parts/pieces.ts'
import { type Range, rangeOf, rangeTabs } from '../parts/range.ts'
import { table, toCsv } from '../parts/table.ts'
import { sessionColumns } from '../parts/usage.ts'

const perPage = 50
const inFile = 1000

export const sessionsPage = ({ ask }: { readonly ask: Ask }): DashboardPage => ({
  path: '/ui/sessions',
  title: 'Sessions',
  about: 'Requests that belong together: a conversation, or an agent at work.',
  icon: 'sessions',
  needs: 'role',
  forAdmins: true,
  render: async (view) => {
    const range = rangeOf(view, '7d')
    const all = isAll(view)
    const kept = { whose: all ? 'all' : undefined, ...range.query }
    const { rows, next } = await ask('sessions', { ...askedOf(view, range), limit: perPage })
    const cursor = next && JSON.stringify([next.firstAt, next.login, next.sessionId])
    return html`${view.isAdmin ? whose(range, all) : ''}${rangeTabs('/ui/sessions', range, { whose: kept.whose })}${card(
      'Sessions',
      html`${table({
        caption: 'Sessions',
        columns: sessionColumns(view.now, all),
        rows,
        empty: html`<strong>No sessions in ${range.words}</strong>Claude Code, Codex and Open WebUI say what belongs together; everything else is a session of its own.`,
        csv: linkTo('/ui/sessions', { ...kept, csv: '1' }),
      })}${cursor ? html`<p class="below"><a href="${linkTo('/ui/sessions', { ...kept, before: cursor })}">Older</a></p>` : ''}`,
    )}`
  },
  csv: async (view) => {
    const asked = askedOf(view, rangeOf(view, '7d'))
    const { rows } = await ask('sessions', { ...asked, limit: inFile })
    return toCsv(sessionColumns(view.now, isAll(view)), rows)
  },
})

const isAll = ({ isAdmin, asked }: View): boolean => isAdmin && asked('whose') === 'all'

const whose = (range: Range, all: boolean) =>
  tabs('Whose', [
    { href: linkTo('/ui/sessions', range.query), name: 'Mine', current: !all },
    {
      href: linkTo('/ui/sessions', { ...range.query, whose: 'all' }),
      name: 'Everybody’s',
      current: all,
    },
  ])

const askedOf = (
  view: View,
  { since, until }: Range,
): Omit<Questions['sessions']['asks'], 'limit'> => {
  const before = cursorOf(view.asked('before'))
  return {
    since,
    ...(until !== undefined && { until }),
    ...(!isAll(view) && { login: view.caller.login }),
    ...(before && { before }),
  }
}

const cursorOf = (text: string | undefined): Questions['sessions']['asks']['before'] => {
  try {
    const [firstAt, login, sessionId] = JSON.parse(text ?? '[]') as unknown[]
    if (!Number.isSafeInteger(firstAt) || typeof login !== 'string') return undefined
    return typeof sessionId === 'string'
      ? { firstAt: firstAt as number, login, sessionId }
      : undefined
  } catch {
    return undefined
  }
}
