import { Command, InvalidArgumentError, Option } from 'commander'
import { FORMATS, type Format, pagesOf, textsOf } from '../../admin/api/usage/usage-export.ts'
import type { UsageScope } from '../../platform/records/figures.ts'
import { OUTCOMES } from '../../platform/records/usage.ts'
import { type LedgerFlags, ledgerOptions, withLedger } from '../ledger.ts'
import { print } from '../table.ts'
import { start } from './since.ts'

interface ExportFlags extends LedgerFlags, UsageScope {
  readonly format: Format
}

/** `postern usage export`: every request, as the API writes them. */
export const exportCommand = (): Command =>
  ledgerOptions(
    new Command('export').description('every request as CSV or NDJSON, newest first, any number'),
  )
    .addOption(new Option('--format <format>').choices([...FORMATS]).default('csv'))
    .option('--since <when>', '7d, 12h, a date such as 2026-11-01 (UTC), or all', start, 0)
    .option('--until <when>', 'the same, exclusive', start)
    .option('--login <login>', 'of one person')
    .option('--model <model>')
    .option('--provider <provider>')
    .addOption(new Option('--door <door>').choices(['local', 'tailnet', 'public']))
    .option('--agent <agent>', 'the program that called, as claude-code, codex, curl')
    .option('--status <status>', 'of the answer', status)
    .addOption(new Option('--outcome <outcome>').choices([...OUTCOMES]))
    .option('--error-code <code>', 'as rate_limited, http_5xx')
    .action(({ config, data, format, ...scope }: ExportFlags) =>
      withLedger({ config, data }, async (db) => {
        const { selectRequests } = await import('../../ledger/store/usage/requests.ts')
        const pages = pagesOf((asked) => selectRequests(db, asked), scope)
        for await (const text of textsOf(format, pages)) await print(text)
      }),
    )

function status(text: string): number {
  if (!/^[1-5]\d\d$/.test(text)) throw new InvalidArgumentError('Give a status such as 502.')
  return Number(text)
}
