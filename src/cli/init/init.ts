import { access } from 'node:fs/promises'
import { confirm, intro, isCancel, note, outro, spinner, text } from '@clack/prompts'
import { Command } from 'commander'
import { parseText, writeConfig } from '../../adapter/node/config/config-file.ts'
import { setAt } from '../../config/edit.ts'
import { firstRunConfig } from '../../config/first-run.ts'
import { formatProblem } from '../../config/problem.ts'
import { changeFile } from '../act.ts'
import { configOption, dataOption } from '../user/config-option.ts'
import { newPassword, type PasswordFlags } from '../user/password.ts'
import { lookAround, type Surroundings } from './surroundings.ts'

interface Flags extends PasswordFlags {
  readonly config: string
  readonly data: string
  readonly yes?: boolean
}

interface Choices {
  readonly owner: string
  readonly webui: string | undefined
  readonly caddy: boolean
}

/** `postern init`: looks around this machine, asks little, writes a commented configuration. Never replaces one. */
export const initCommand = (look: () => Promise<Surroundings> = lookAround): Command =>
  new Command('init')
    .description('write a configuration: finds model servers, Open WebUI, Caddy and tailscaled')
    .addOption(configOption())
    .addOption(dataOption())
    .option('-y, --yes', 'ask nothing: user `owner`, what was found, a random password')
    .option('--password-stdin', 'read the password from standard input')
    .action(async (flags: Flags) => {
      if (await exists(flags.config)) {
        throw new Error(`${flags.config} exists already; nothing was changed`)
      }
      const interactive = flags.yes !== true && process.stdin.isTTY === true
      if (!interactive && flags.yes !== true) {
        throw new Error('there is no terminal to ask on; use --yes')
      }
      if (interactive) intro('Postern')
      const found = await lookWithProgress(look, interactive)
      const choices = interactive ? await ask(found) : defaults(found)
      await write(flags, found, choices)
      if (interactive) outro('Now start it: postern up')
    })

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

async function lookWithProgress(
  look: () => Promise<Surroundings>,
  interactive: boolean,
): Promise<Surroundings> {
  const progress = interactive ? spinner() : undefined
  progress?.start('Looking for model servers and Open WebUI on this machine')
  const found = await look()
  progress?.stop('Looked around this machine')
  if (interactive) note(describe(found).join('\n'), 'Found')
  else process.stdout.write(`${describe(found).join('\n')}\n`)
  return found
}

const describe = ({ servers, webui, caddy, tailscaled }: Surroundings): string[] => [
  ...servers.map(({ name, baseurl, models }) => `${name} at ${baseurl} (${count(models.length)})`),
  ...(servers.length === 0 ? ['no model server: the built-in demo model stands in'] : []),
  webui ? `Open WebUI at ${webui}` : 'no Open WebUI',
  ...(caddy ? ['Caddy'] : []),
  ...(tailscaled ? ['tailscaled'] : []),
]

const count = (models: number): string => `${models} ${models === 1 ? 'model' : 'models'}`

const defaults = ({ webui }: Surroundings): Choices => ({ owner: 'owner', webui, caddy: false })

async function ask(found: Surroundings): Promise<Choices> {
  const owner = answered(
    await text({ message: 'Name of the first user, who is admin', initialValue: 'owner' }),
  )
  const showWebui =
    found.webui !== undefined &&
    answered(await confirm({ message: `Show Open WebUI (${found.webui}) at the same address?` }))
  const caddy =
    found.caddy &&
    answered(await confirm({ message: 'Put Caddy in front, for TLS?', initialValue: false }))
  return { owner, webui: showWebui ? found.webui : undefined, caddy }
}

/** @throws Error when the answer was Ctrl-C */
function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw new Error('cancelled; nothing was written')
  return answer as Exclude<T, symbol>
}

async function write(flags: Flags, found: Surroundings, choices: Choices): Promise<void> {
  const { owner, webui, caddy } = choices
  const { hash: ownerHash, generated } = await newPassword({
    ...flags,
    unattended: flags.yes === true,
    about: [owner],
  })
  const plain = firstRunConfig({ ownerHash, owner, found: found.servers, ...(webui && { webui }) })
  const config = caddy ? behindCaddy(plain) : plain
  const { problems } = parseText(flags.config, config)
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  const detail = `postern init, user ${owner}`
  await changeFile(flags, { action: 'config.replace', target: 'configuration', detail }, () =>
    writeConfig(flags.config, config),
  )
  process.stdout.write(`${flags.config} written, user ${owner}\n`)
  if (generated === undefined) return
  process.stdout.write(`password: ${generated}   (shown this once: keep it)\n`)
}

/** Caddy connects from loopback and tells whose address it speaks for. */
const behindCaddy = (config: string): string =>
  setAt(
    setAt(config, ['front'], 'caddy'),
    ['listeners', 0, 'trusted_proxies'],
    ['127.0.0.1', '::1'],
  )
