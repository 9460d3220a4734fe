import { Command, InvalidArgumentError, Option } from 'commander'
import { type Compare, comparison } from '../../gateway/prices/compare.ts'
import type { Database } from '../../ledger/store/schema.ts'
import { GROUPS, type Group } from '../../ledger/store/usage/groups.ts'
import type { UsageSummary } from '../../ledger/store/usage/usage.ts'
import { csvLine } from '../../platform/csv.ts'
import { configOf, type LedgerFlags, ledgerOptions, type Queries, withLedger } from '../ledger.ts'
import { print, table } from '../table.ts'
import { ago, start } from './since.ts'
import { exportCommand } from './usage-export.ts'
import { printRows } from './usage-rows.ts'

export interface UsageFlags extends LedgerFlags {
  readonly by: Group
  /** ms since the epoch; 0 for the whole ledger. */
  readonly since: number
  readonly rows?: boolean
  readonly limit?: number
  readonly csv?: boolean
  readonly json?: boolean
  /** `anthropic/claude-sonnet-4-6`; absent: what the configuration says. */
  readonly compare?: string
}

/** `postern usage`: the ledger, summed up or row by row. */
export const usageCommand = (): Command =>
  ledgerOptions(new Command('usage').description('the ledger: who used which model, and how much'))
    .addOption(new Option('--by <what>', 'what to sum up by').choices([...GROUPS]).default('user'))
    .option('--since <when>', '7d, 12h, a date such as 2026-11-01 (UTC), or all', start, ago('7d'))
    .option('--rows', 'every request instead of sums, newest first')
    .option(
      '--limit <n>',
      'groups or rows to print (default: 1000; 100 rows on screen, all as CSV or JSON)',
      count,
    )
    .option(
      '--compare <model>',
      'what the same tokens would have cost at a cloud’s, such as anthropic/claude-sonnet-4-6',
    )
    .addOption(new Option('--csv', 'print CSV').conflicts('json'))
    .option('--json', 'print JSON')
    .action((flags: UsageFlags) =>
      withLedger(flags, (db, queries) =>
        flags.rows ? printRows(db, queries, flags) : printSums(db, queries, flags),
      ),
    )
    .enablePositionalOptions()
    .addCommand(exportCommand())

const printSums = async (db: Database, { summarize }: Queries, flags: UsageFlags) => {
  const { since, by, limit = 1000 } = flags
  const groups = await summarize(db, { since, by, limit })
  const [total] = await summarize(db, { since, by: 'none' })
  if (total === undefined) throw new Error('a sum without a row')
  const other = await comparedTo(flags)
  if (flags.json) return print(asJson(flags, groups, total, other))
  if (flags.csv) return print(asCsv(flags, groups, other))
  await print(asTable(flags, groups, total) + (other ? saying(other, total) : ''))
}

/** A cloud's model that usage is held against. */
interface Other {
  readonly name: string
  readonly cost: Compare
}

const comparedTo = async (flags: UsageFlags): Promise<Other | undefined> => {
  const name = flags.compare ?? (await configOf(flags))?.compareWith
  return name ? { name, cost: await comparison(name, Date.now()) } : undefined
}

const saying = ({ name, cost }: Other, total: UsageSummary): string => {
  const nanousd = cost(total)
  return nanousd === null
    ? `No list of prices has ${name}.\n`
    : `The same tokens would have cost ${usd(nanousd)} at ${name}.\n`
}

const usd = (nanousd: number): string => `$${(nanousd / 1e9).toFixed(4)}`

const asTable = (flags: UsageFlags, groups: UsageSummary[], total: UsageSummary): string => {
  const from = flags.since === 0 ? 'the beginning' : new Date(flags.since).toISOString()
  const rows = flags.by === 'none' ? [] : groups.map((sums) => cells(sums.group || '-', sums))
  return `Since ${from}\n${table(COLUMNS(flags.by), [...rows, cells('total', total)])}`
}

const COLUMNS = (by: Group) => [
  { name: by === 'none' ? '' : by },
  ...['requests', 'errors', 'refused', 'input', 'output', 'cached', 'cost', 'time'].map((name) => ({
    name,
    numeric: true,
  })),
]

const cells = (name: string, sums: UsageSummary): string[] => [
  name,
  ...[sums.requests, sums.errors, sums.refused].map(String),
  ...[sums.inputTokens, sums.outputTokens, sums.cachedTokens].map(String),
  sums.unpriced === sums.requests ? '-' : usd(sums.costNanousd),
  `${(sums.durationMs / 1000).toFixed(1)}s`,
]

const asCsv = ({ by }: UsageFlags, groups: UsageSummary[], other: Other | undefined): string => {
  const records = groups.map((sums) => record(by, sums, other))
  const header = csvLine(Object.keys(record(by, NOTHING, other)))
  return header + records.map((fields) => csvLine(Object.values(fields))).join('')
}

const asJson = (
  flags: UsageFlags,
  groups: UsageSummary[],
  total: UsageSummary,
  other: Other | undefined,
): string => {
  const { [flags.by]: _, ...sums } = record(flags.by, total, other)
  const value = {
    since: flags.since === 0 ? null : new Date(flags.since).toISOString(),
    by: flags.by,
    ...(other && { compared_with: other.name }),
    groups: flags.by === 'none' ? [] : groups.map((group) => record(flags.by, group, other)),
    total: sums,
  }
  return `${JSON.stringify(value, null, 2)}\n`
}

const record = (
  by: Group,
  sums: UsageSummary,
  other: Other | undefined,
): Record<string, string | number | null> => ({
  ...(by === 'none' ? {} : { [by]: sums.group }),
  requests: sums.requests,
  failed: sums.failed,
  input_tokens: sums.inputTokens,
  output_tokens: sums.outputTokens,
  cached_tokens: sums.cachedTokens,
  reasoning_tokens: sums.reasoningTokens,
  cost_nanousd: sums.costNanousd,
  unpriced: sums.unpriced,
  bytes_in: sums.bytesIn,
  bytes_out: sums.bytesOut,
  duration_ms: sums.durationMs,
  errors: sums.errors,
  refused: sums.refused,
  ...(other && { compared_nanousd: other.cost(sums) }),
})

const NOTHING: UsageSummary = {
  group: '',
  requests: 0,
  failed: 0,
  errors: 0,
  refused: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  costNanousd: 0,
  unpriced: 0,
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 0,
}

function count(text: string): number {
  const n = Number(text)
  if (!/^\d+$/.test(text) || n < 1 || n > 1_000_000) {
    throw new InvalidArgumentError('Give a number from 1 to 1000000.')
  }
  return n
}
