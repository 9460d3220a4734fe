import { Option } from 'commander'

/** `--data D`: the ledger, for the audit. */
export const dataOption = (): Option =>
  new Option('--data <dir>', 'where the ledger lies, for the audit').default(
    process.env.POSTERN_DATA || './data',
  )

/** `--config F`, then `$POSTERN_CONFIG`, then `./postern.hujson`. */
export const configOption = (): Option =>
  new Option('--config <file>', 'configuration').default(
    process.env.POSTERN_CONFIG || './postern.hujson',
  )
