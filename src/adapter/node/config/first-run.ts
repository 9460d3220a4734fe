import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import bcrypt from 'bcryptjs'
import type { Config } from '../../../config/config.ts'
import { firstRunConfig } from '../../../config/first-run.ts'
import { discoverServers } from '../../../gateway/upstream/discover.ts'
import type { Registry } from '../../../gateway/upstream/registry.ts'
import type { Send } from '../../../platform/upstream.ts'
import type { Gateway } from '../gateway.ts'
import { writeConfig } from './config-file.ts'

export interface FirstRun {
  readonly user: string
  readonly password: string
}

/** A random password of 120 bits needs no slow hash: nobody guesses it either way. */
const cost = 10

/** Writes the commented configuration of a first start; undefined when there is one already. */
export const writeFirstConfig = async (path: string, send: Send): Promise<FirstRun | undefined> => {
  try {
    await access(path)
    return undefined
  } catch {
    const password = randomBytes(15).toString('base64url')
    const [ownerHash, found] = await Promise.all([
      bcrypt.hash(password, cost),
      discoverServers({ send }),
    ])
    await writeConfig(path, firstRunConfig({ ownerHash, found }))
    return { user: 'owner', password }
  }
}

export interface WelcomeOptions {
  readonly config: Config
  readonly configPath: string
  readonly gateway: Gateway
  readonly registry: Registry
  readonly first: FirstRun | undefined
}

/** What a person wants to know after a start; the password is shown this once and stored nowhere. */
export const welcome = (options: WelcomeOptions): void => {
  process.stdout.write(`${lines(options).join('\n')}\n`)
}

const lines = ({ config, configPath, gateway, registry, first }: WelcomeOptions): string[] => {
  const addresses = [...gateway.addresses.values()]
  const address = addresses.find((each) => each.startsWith('http')) ?? addresses[0] ?? ''
  const providers = registry.providers()
  const model = providers[0]?.models[0] ?? 'postern/demo'
  const credential = first ? `${first.user}:${first.password}` : 'USER:PASSWORD'
  const body = JSON.stringify({
    model,
    stream: true,
    messages: [{ role: 'user', content: 'Say hello' }],
  })
  return [
    '',
    '  Postern is open.',
    '',
    `  address     ${addresses.join('  ')}`,
    ...(first
      ? [
          `  user        ${first.user}`,
          `  password    ${first.password}   (shown this once: keep it)`,
        ]
      : []),
    `  dashboard   ${address}/ui`,
    `  models      ${served(providers)}`,
    `  chat        ${config.webui?.url ?? 'no Open WebUI configured (webui.url)'}`,
    '',
    '  Try it:',
    '',
    `    curl -N -u '${credential}' ${address}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
    '',
    ...(first ? next(configPath) : []),
  ]
}

const served = (providers: ReturnType<Registry['providers']>): string =>
  providers
    .filter(({ disabled }) => !disabled)
    .map(
      ({ id, models }) => `${id} (${models.length === 1 ? models[0] : `${models.length} models`})`,
    )
    .join(', ') || 'none'

const next = (configPath: string): string[] => [
  '  What next:',
  '',
  `    ${configPath} is yours to edit: it explains itself, and a change takes effect at once`,
  '    postern user add NAME    lets somebody else in',
  '    postern usage            shows who used what',
  '',
]
