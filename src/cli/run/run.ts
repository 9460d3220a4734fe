import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Argument, Command, Option } from 'commander'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import type { Config } from '../../config/config.ts'
import { mint } from '../key/sign.ts'
import { type LedgerFlags, ledgerOptions } from '../ledger.ts'
import { agents, type Gateway, type Launch } from './agents.ts'

interface Flags extends LedgerFlags {
  readonly url?: string
  readonly model?: string
  readonly login: string
  readonly print?: boolean
}

/** What agents ask for where no credential is needed; none starts with an empty one. */
const placeholder = '-'

/** A key made for one run is good this long, ms: a working day, and no more if it leaks. */
const lifetime = 12 * 3_600_000

/** `postern run claude …`: a coding agent that is pointed at the gateway, its own settings untouched. */
export const runCommand = (): Command =>
  ledgerOptions(new Command('run'))
    .description('start a coding agent that is already pointed at the gateway')
    .addArgument(new Argument('<agent>', 'which one').choices(Object.keys(agents)))
    .argument('[arguments...]', 'for the agent itself')
    .addOption(
      new Option('--url <url>', 'of the gateway; default: the one of this configuration').env(
        'POSTERN_URL',
      ),
    )
    .option('--model <name>', 'as the gateway names it; default: what the agent asks for')
    .option('--login <login>', 'whose key to make, at a gateway of this machine', 'owner')
    .option('--print', 'say what would be set, and start nothing')
    .addHelpText(
      'after',
      '\nA key is taken from $POSTERN_KEY. Without one a key for 12 hours is made at the gateway of this machine;\n' +
        'at another gateway you are who you are on the tailnet.',
    )
    .passThroughOptions()
    .action(async (agent: string, rest: string[], flags: Flags) => {
      const launch = await withFile(launchOf(agent, await gatewayOf(agent, flags)))
      if (flags.print) process.stdout.write(shown(agent, launch, rest))
      else process.exitCode = await start(agent, [...launch.args, ...rest], launch.env)
    })

const launchOf = (agent: string, gateway: Gateway): Launch => {
  const describe = agents[agent]
  if (!describe) throw new Error(`there is no agent ${agent}`)
  return describe(gateway)
}

/** Agents read such a file only from where nobody else may write. One that is named already is its owner's choice. */
const withFile = async (launch: Launch): Promise<Launch> => {
  const { file, env } = launch
  if (file === undefined || process.env[file.env] !== undefined) return launch
  const folder = join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'postern')
  const path = join(folder, file.name)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(path, file.content, { mode: 0o600 })
  return { ...launch, env: { ...env, [file.env]: path } }
}

const gatewayOf = async (agent: string, flags: Flags): Promise<Gateway> => {
  const { model } = flags
  const given = process.env.POSTERN_KEY
  if (flags.url !== undefined) {
    if (!URL.canParse(flags.url)) throw new Error(`${flags.url} is not a URL`)
    const url = flags.url.replace(/\/+$/, '').replace(/\/v1$/, '')
    return { url, key: given ?? placeholder, model }
  }
  if (!existsSync(flags.config)) {
    throw new Error(`there is no ${flags.config}: name the gateway with --url or $POSTERN_URL`)
  }
  const { config } = await loadConfig(flags.config)
  if (!config) throw new Error(`${flags.config} has mistakes: run \`postern check\``)
  const url = addressOf(config)
  if (url === undefined) {
    throw new Error('no listener of this configuration can be reached without TLS: give --url')
  }
  const key = given ?? (flags.print ? placeholder : await newKey(agent, url, flags))
  return { url, key, model }
}

/** Where programs of this machine reach the gateway. */
const addressOf = ({ listeners }: Config): string | undefined => {
  for (const { bind } of listeners) {
    if (bind.kind !== 'tcp') continue
    const here = bind.host === '0.0.0.0' || bind.host === '::' ? '127.0.0.1' : bind.host
    return `http://${here.includes(':') ? `[${here}]` : here}:${bind.port}`
  }
  return undefined
}

const newKey = async (agent: string, url: string, flags: Flags): Promise<string> => {
  const wanted = { login: flags.login, name: `run ${agent}`, limits: {}, lifetime }
  const { key } = await mint(flags, wanted, false)
  await untilKnown(url, key, flags.login)
  return key
}

/** A running gateway learns of a key within half a second; guesses before that would count as wrong ones. */
const untilKnown = async (url: string, key: string, login: string): Promise<void> => {
  for (let tries = 0; tries < 4; tries++) {
    await sleep(700)
    const status = await statusOf(url, key)
    if (status === 200) return
    if (status === 403) throw new Error(`${login} has no role here: name somebody with --login`)
  }
  throw new Error(`the gateway at ${url} does not take the key that was made in its --data`)
}

const statusOf = async (url: string, key: string): Promise<number> => {
  try {
    const headers = { authorization: `Bearer ${key}` }
    return (await fetch(`${url}/v1/models`, { headers })).status
  } catch {
    throw new Error(`no gateway answers at ${url}: start it with \`postern up\``)
  }
}

/** Resolves with its exit code. Ctrl+C is the agent's: it reaches both, and only the agent knows what it means. */
const start = (agent: string, args: readonly string[], changes: Launch['env']): Promise<number> =>
  new Promise((resolve, reject) => {
    const env = Object.fromEntries(
      Object.entries({ ...process.env, ...changes }).filter(([, value]) => value !== undefined),
    )
    const child = spawn(agent, args, { stdio: 'inherit', env, shell: process.platform === 'win32' })
    const ignore = (): void => {}
    process.on('SIGINT', ignore)
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error(`${agent} is not installed here`) : error)
    })
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })

const shown = (agent: string, { env, args }: Launch, rest: readonly string[]): string => {
  const set = Object.entries(env).map(([name, value]) =>
    value === undefined ? `unset ${name}` : `export ${name}=${quoted(value)}`,
  )
  return [...set, [agent, ...args, ...rest].map(quoted).join(' '), ''].join('\n')
}

/** For a POSIX shell. */
const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
