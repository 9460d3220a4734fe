import { Command } from 'commander'
import { run } from '../adapter/node/main.ts'

/** `postern up`: the gateway in the foreground. */
export const upCommand = (): Command =>
  new Command('up')
    .description('run the gateway in the foreground')
    .option('--config <file>', 'configuration', process.env.POSTERN_CONFIG ?? './postern.hujson')
    .option(
      '--data <dir>',
      'where the ledger and the sockets live',
      process.env.POSTERN_DATA ?? './data',
    )
    .action(async ({ config, data }: { config: string; data: string }) => {
      await run({ configPath: config, dataDir: data })
    })
