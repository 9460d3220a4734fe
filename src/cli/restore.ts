import { basename } from 'node:path'
import { Command } from 'commander'
import { inUnits } from '../admin/doctor/units.ts'
import { actOf } from './act.ts'
import { databaseOf, type LedgerFlags, ledgerOptions } from './ledger.ts'
import { print, progress } from './table.ts'

interface Flags extends LedgerFlags {
  readonly force?: boolean
}

/** `postern restore FILE`: a backup in the place of the ledger, while no gateway runs. */
export const restoreCommand = (): Command =>
  ledgerOptions(new Command('restore'))
    .description('put a backup in the place of the ledger, while no gateway runs')
    .argument('<file>', 'from `postern backup`')
    .option('--force', 'replace the ledger that is there; it is kept under a dated name')
    .action(async (file: string, { force, ...flags }: Flags) => {
      const database = await databaseOf(flags)
      const { restore } = await import('../adapter/node/backup/restore.ts')
      const target = basename(file)
      const { rows, version, kept, journaled, recorded, ...restored } = await restore({
        database,
        file,
        force: force ?? false,
        now: Date.now(),
        audit: actOf({ action: 'ledger.restore', target }).audit,
        tell: progress,
      })
      await print(
        `${restored.ledger}: ${inUnits(restored.bytes)}, ${rows} ${rows === 1 ? 'request' : 'requests'}, ` +
          `schema version ${version}\n${kept === undefined ? '' : `the ledger before it is ${kept}\n`}`,
      )
      if (!recorded) {
        process.stderr.write('this is not in the audit: the backup is older than the audit\n')
      }
      if (journaled > 0) {
        process.stderr.write(
          `${inUnits(journaled)} wait in the journal: the gateway adds those rows when it starts\n`,
        )
      }
    })
