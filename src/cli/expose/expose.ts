import { Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../config/values/units.ts'
import { type CloseFlags, closeDoor } from './close.ts'
import { type OpenFlags, openDoor } from './open.ts'
import { type StatusFlags, showStatus } from './status.ts'

/**
 * `postern expose`: one door for the tailnet, the internet or both, in the configuration and in tailscaled alike. Says
 * what it did and what is in force, and takes back no more than it did.
 */
export const exposeCommand = (): Command =>
  new Command('expose')
    .description('open the door to your tailnet, to the internet or to both; or close it')
    .addCommand(
      opening('serve', 'your tailnet, by identity')
        .option('--http', 'without a certificate, on port 80; WireGuard encrypts all the same')
        .action((flags: OpenFlags) => openDoor('serve', flags)),
    )
    .addCommand(
      opening('funnel', 'the internet and the tailnet, by password or key').action(
        (flags: OpenFlags) => openDoor('funnel', flags),
      ),
    )
    .addCommand(
      opening('both', 'the tailnet by identity, everyone else by password or key').action(
        (flags: OpenFlags) => openDoor('both', flags),
      ),
    )
    .addCommand(
      common(new Command('off'))
        .description('close what was opened, and nothing else')
        .option('--yes', 'run what needs root by sudo without asking')
        .action((flags: CloseFlags) => closeDoor(flags)),
    )
    .addCommand(
      common(new Command('status'))
        .description('what tailscaled leads where, and whether that is what the configuration says')
        .action((flags: StatusFlags) => showStatus(flags)),
    )

const opening = (name: string, description: string): Command =>
  common(new Command(name))
    .description(description)
    .option('--port <port>', 'port of the address (default: 443)', port)
    .option('--for <duration>', 'such as 2h; the running gateway closes it again', duration)
    .option('--yes', 'run what needs root by sudo without asking')

const common = (command: Command): Command =>
  command
    .option('--config <file>', 'configuration', process.env.POSTERN_CONFIG ?? './postern.hujson')
    .option(
      '--data <dir>',
      'where the sockets of the gateway lie',
      process.env.POSTERN_DATA ?? './data',
    )
    .option('--json', 'print JSON')

const port = (text: string): number => {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= 65535) return number
  throw new InvalidArgumentError('Give a port from 1 to 65535.')
}

const duration = (text: string): number => {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) throw new InvalidArgumentError('Give a duration such as 2h.')
  return ms
}
