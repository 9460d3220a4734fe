import { getTableColumns } from 'drizzle-orm'
import { type Database, usage } from '../store/schema.ts'
import { type Cursor, listUsage } from '../store/usage.ts'
import type { UsageRow } from '../usage/row.ts'
import { type Cell, csvLine, print, table } from './table.ts'
import type { UsageFlags } from './usage.ts'

/** One page of rows is in memory at a time, and no page keeps the database's log from being cut (hazards 221). */
const PAGE = 1000
const ON_SCREEN = 100

/** Prints requests, newest first; JSON and CSV have all columns of the ledger under their own names. */
export const printRows = async (db: Database, flags: UsageFlags): Promise<void> => {
  if (flags.json) return printJson(db, flags)
  if (flags.csv) return printCsv(db, flags)
  const rows: UsageRow[] = []
  for await (const page of pages(db, flags, flags.limit ?? ON_SCREEN)) rows.push(...page)
  await print(table(COLUMNS, rows.map(cells)))
}

const printJson = async (db: Database, flags: UsageFlags): Promise<void> => {
  let before = '[\n'
  for await (const page of pages(db, flags, flags.limit)) {
    await print(before + page.map((row) => JSON.stringify(record(row))).join(',\n'))
    before = ',\n'
  }
  await print(before === ',\n' ? '\n]\n' : '[]\n')
}

const printCsv = async (db: Database, flags: UsageFlags): Promise<void> => {
  await print(csvLine(names.map(([, column]) => column)))
  for await (const page of pages(db, flags, flags.limit)) {
    await print(page.map((row) => csvLine(Object.values(record(row)))).join(''))
  }
}

async function* pages(
  db: Database,
  { since }: UsageFlags,
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<UsageRow[]> {
  let after: Cursor | undefined
  for (let left = most; left > 0; ) {
    const page = await listUsage(db, {
      since,
      ...(after === undefined ? {} : { after }),
      limit: Math.min(PAGE, left),
    })
    if (page.length === 0) return
    yield page
    after = page.at(-1)
    left -= page.length
  }
}

const names = Object.entries(getTableColumns(usage)).map(
  ([key, column]) => [key as keyof UsageRow, column.name] as const,
)

/** A row under the names of the ledger's columns; `started_at` in ISO 8601. */
const record = (row: UsageRow): Record<string, Cell> =>
  Object.fromEntries(
    names.map(([key, name]) => [
      name,
      key === 'startedAt' ? new Date(row.startedAt).toISOString() : row[key],
    ]),
  )

const COLUMNS = [
  ...['time', 'user', 'model', 'provider', 'door'].map((name) => ({ name })),
  { name: 'status', numeric: true },
  { name: 'outcome' },
  ...['input', 'output', 'first byte', 'took'].map((name) => ({ name, numeric: true })),
]

const cells = (row: UsageRow): string[] => [
  new Date(row.startedAt).toISOString(),
  row.login,
  row.model ?? '-',
  row.provider ?? '-',
  row.door,
  String(row.status),
  row.outcome,
  String(row.inputTokens),
  String(row.outputTokens),
  row.firstByteMs === null ? '-' : `${row.firstByteMs}ms`,
  `${row.durationMs}ms`,
]
