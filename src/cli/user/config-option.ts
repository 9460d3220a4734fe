import { Option } from 'commander'

/** `--config F`, then `$POSTERN_CONFIG`, then `./postern.hujson`. */
export const configOption = (): Option =>
  new Option('--config <file>', 'configuration').default(
    process.env.POSTERN_CONFIG || './postern.hujson',
  )
