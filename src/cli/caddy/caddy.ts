import type { Config } from 'caddy-json-config-types'
import { Command } from 'commander'
import { build } from '../../../caddy/config.ts'
import { type CaddyOptions, dialAddress, isPlain, type Site } from '../../../caddy/options.ts'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import { formatProblem } from '../../config/problem.ts'
import { configOption } from '../user/config-option.ts'
import { loadIntoCaddy } from './admin.ts'
import { findCaddy, whyInvalid } from './binary.ts'
import { type CaddyFlags, deriveOptions } from './options.ts'

interface Flags extends CaddyFlags {
  readonly config: string
}

/** `postern caddy render|apply|validate`: Caddy's JSON from Postern's configuration. */
export const caddyCommand = (): Command => {
  const command = new Command('caddy').description('put Caddy in front: TLS, clean headers')
  subcommand(command, 'render', "print Caddy's configuration as JSON", render)
  subcommand(command, 'apply', 'load it into a running Caddy through its admin API', apply)
  subcommand(command, 'validate', 'have the caddy program check it', validate)
  return command
}

const subcommand = (
  parent: Command,
  name: string,
  description: string,
  action: (prepared: Prepared) => void | Promise<void>,
): void => {
  parent
    .command(name)
    .description(description)
    .addOption(configOption())
    .option('--data <dir>', 'where its sockets lie', process.env.POSTERN_DATA ?? './data')
    .option(
      '--listen <address...>',
      'plain HTTP for tailscaled or another TLS terminator on this machine (default: as its listener asks for)',
    )
    .option(
      '--host [name...]',
      'HTTPS for these names instead, with automatic certificates (default: *.ts.net of allowed_hosts)',
    )
    .option('--internal', "certificates of Caddy's own authority for --host")
    .option(
      '--proxy-protocol <address>',
      'for --host: where tailscaled forwards TCP to, with its callers',
    )
    .option('--https-port <port>', 'for --host (default: 443)')
    .option('--http-port <port>', 'redirects to HTTPS, for --host (default: 80)')
    .option('--node <name>', 'Caddy is this machine of the tailnet instead (needs caddy-tailscale)')
    .option('--control-url <url>', "for --node: instead of Tailscale's own")
    .option('--gateway <address>', 'where Postern listens (default: from its configuration)')
    .option('--trusted-proxy <range...>', 'proxies on other machines before Caddy, such as a CDN')
    .option('--access-log <file>', 'write an access log, without headers and queries')
    .option('--admin <address>', "Caddy's admin API", process.env.CADDY_ADMIN ?? 'localhost:2019')
    .action(async (flags: Flags, self: Command) => {
      await action(await prepare(flags, self))
    })
}

interface Prepared {
  readonly options: CaddyOptions
  readonly config: Config
}

/** Flags that cannot be are wrong usage; a configuration that is wrong is thrown. */
const prepare = async (flags: Flags, command: Command): Promise<Prepared> => {
  const postern = await readConfig(flags.config)
  try {
    const { options, warnings } = deriveOptions(postern, flags)
    for (const warning of warnings) console.error(`warning: ${warning}`)
    return { options, config: build(options) }
  } catch (error) {
    if (error instanceof RangeError) return command.error(`error: ${error.message}`)
    throw error
  }
}

const render = ({ config }: Prepared): void => console.log(JSON.stringify(config, null, 2))

const apply = async ({ options, config }: Prepared): Promise<void> => {
  await loadIntoCaddy(options.admin, config)
  const { site, gateway } = options
  console.log(`Caddy now serves ${placesOf(site)} and sends all of it to ${dialAddress(gateway)}.`)
}

const placesOf = (site: Site): string => {
  if (site.tls === 'node') return `http://${site.name} in the tailnet`
  return (isPlain(site) ? site.listen.map(dialAddress) : site.hosts).join(', ')
}

const validate = async ({ config }: Prepared): Promise<void> => {
  const caddy = findCaddy(process.env, process.cwd())
  if (caddy === undefined) {
    throw new Error(
      'No caddy program found. Install one (https://caddyserver.com/docs/install), or name it: CADDY=/path/to/caddy',
    )
  }
  const reason = await whyInvalid(caddy, config)
  if (reason !== undefined) throw new Error(reason)
  console.log(`${caddy} would run this configuration.`)
}

const readConfig = async (file: string) => {
  const { config, problems } = await loadConfig(file)
  if (config) return config
  throw new Error(`the configuration is wrong\n${problems.map(formatProblem).join('\n')}`)
}
