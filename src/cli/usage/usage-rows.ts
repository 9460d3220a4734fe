import type { Database } from '../../ledger/store/schema.ts'
import type { Cursor } from '../../ledger/store/usage/usage.ts'
import { type Cell, csvLine } from '../../platform/csv.ts'
import type { UsageRow } from '../../platform/records/usage.ts'
import type { Queries } from '../ledger.ts'
import { print, table } from '../table.ts'
import type { UsageFlags } from './usage.ts'

/** One page of rows is in memory at a time, and no page keeps the database's log from being cut. */
const PAGE = 1000
const ON_SCREEN = 100

/** Prints requests, newest first; JSON and CSV have all columns of the ledger under their own names. */
export const printRows = async (
  db: Database,
  queries: Queries,
  flags: UsageFlags,
): Promise<void> => {
  const most = flags.limit ?? (flags.json || flags.csv ? Number.POSITIVE_INFINITY : ON_SCREEN)
  const found = pages(db, queries, flags.since, most)
  if (flags.json) return printJson(found, queries)
  if (flags.csv) return printCsv(found, queries)
  const rows: UsageRow[] = []
  for await (const page of found) rows.push(...page)
  await print(table(COLUMNS, rows.map(cells)))
}

type Pages = AsyncIterable<readonly UsageRow[]>

const printJson = async (found: Pages, { usageColumns }: Queries): Promise<void> => {
  let before = '[\n'
  for await (const page of found) {
    const records = page.map((row) =>
      JSON.stringify(Object.fromEntries(usageColumns.map(([key, name]) => [name, cell(row, key)]))),
    )
    await print(before + records.join(',\n'))
    before = ',\n'
  }
  await print(before === ',\n' ? '\n]\n' : '[]\n')
}

const printCsv = async (found: Pages, { usageColumns }: Queries): Promise<void> => {
  await print(csvLine(usageColumns.map(([, name]) => name)))
  for await (const page of found) {
    await print(page.map((row) => csvLine(usageColumns.map(([key]) => cell(row, key)))).join(''))
  }
}

async function* pages(db: Database, { listUsage }: Queries, since: number, most: number) {
  let after: Cursor | undefined
  for (let left = most; left > 0; ) {
    const limit = Math.min(PAGE, left)
    const page = await listUsage(db, { since, limit, ...(after === undefined ? {} : { after }) })
    if (page.length === 0) return
    yield page
    after = page.at(-1)
    left -= page.length
  }
}

const cell = (row: UsageRow, key: Exclude<keyof UsageRow, 'headers'>): Cell =>
  key === 'startedAt' ? new Date(row.startedAt).toISOString() : row[key]

const COLUMNS = [
  ...['time', 'user', 'model', 'provider', 'door'].map((name) => ({ name })),
  { name: 'status', numeric: true },
  { name: 'outcome' },
  { name: 'error' },
  ...['input', 'output', 'first byte', 'took'].map((name) => ({ name, numeric: true })),
]

const cells = (row: UsageRow): string[] => [
  new Date(row.startedAt).toISOString(),
  row.login,
  row.upstreamModel ?? row.model ?? '-',
  row.provider ?? '-',
  row.door,
  String(row.status),
  row.outcome,
  row.errorCode ?? '-',
  String(row.inputTokens),
  String(row.outputTokens),
  row.firstByteMs === null ? '-' : `${row.firstByteMs}ms`,
  `${row.durationMs}ms`,
]
