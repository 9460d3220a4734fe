import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { must, run } from '../support/parts/run.ts'
import { composeSchema } from './parts.ts'

const folder = new URL('../../deploy/compose', import.meta.url).pathname
const file = join(folder, 'compose.yaml')

type Port = string | { readonly host_ip?: string }

interface Service {
  readonly image: string
  readonly ports?: readonly Port[]
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: object
  readonly volumes?: readonly string[]
  readonly network_mode?: string
  readonly [key: string]: unknown
}

interface Compose {
  readonly services: Readonly<Record<'gateway' | 'open-webui', Service>>
  readonly networks: {
    readonly default: {
      readonly ipam: { readonly config: readonly { readonly gateway: string }[] }
    }
  }
  readonly volumes: object
}

const reader =
  'import json, sys; from ruamel.yaml import YAML; print(json.dumps(YAML(typ="safe").load(sys.stdin)))'

const readCompose = async (): Promise<Compose> => {
  const python = join(pathOf(composeSchema), 'bin', 'python')
  const { stdout } = await must(python, ['-c', reader], { input: await readFile(file, 'utf8') })
  return JSON.parse(stdout) as Compose
}

const publishedOn = (port: Port): string =>
  typeof port === 'string' ? port.split(':').slice(0, -2).join(':') : (port.host_ip ?? '')

describeWith([composeSchema], 'deploy/compose/compose.yaml', () => {
  let compose: Compose
  beforeAll(async () => {
    compose = await readCompose()
  })

  test('is what the Compose specification allows', async () => {
    const checker = join(pathOf(composeSchema), 'bin', 'check-jsonschema')
    const result = await run(checker, ['--builtin-schema', 'vendor.compose-spec', file])
    expect(result).toMatchObject({ code: 0, stdout: 'ok -- validation done\n' })
  })

  test('publishes every port on loopback only', () => {
    const services = Object.values(compose.services)
    const ports = services.flatMap((service) => service.ports ?? [])
    expect(ports.map(publishedOn)).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(services.map((service) => service.network_mode)).toEqual([undefined, undefined])
  })

  test('gives the gateway no more rights than it needs', () => {
    expect(compose.services.gateway).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      extra_hosts: ['host.docker.internal:host-gateway'],
      volumes: ['gateway:/var/lib/postern'],
    })
    expect(compose.services.gateway.cap_add).toBeUndefined()
    expect(compose.services.gateway.privileged).toBeUndefined()
  })

  test('lets Open WebUI ask the gateway, as a user of its own, and nothing else', () => {
    expect(compose.services['open-webui'].environment).toMatchObject({
      OPENAI_API_BASE_URLS: 'http://gateway:8787/v1',
      ENABLE_OLLAMA_API: 'false',
    })
    const key = compose.services['open-webui'].environment?.OPENAI_API_KEYS
    expect(key).toMatch(/^open-webui:\$\{OPEN_WEBUI_PASSWORD:\?/)
    expect(compose.services['open-webui'].extra_hosts).toBeUndefined()
  })

  test('closes sign-up after the first admin, and keeps it closed', () => {
    expect(compose.services['open-webui'].environment).toMatchObject({
      ENABLE_SIGNUP: 'false',
      ENABLE_INITIAL_ADMIN_SIGNUP: 'true',
      DEFAULT_USER_ROLE: 'pending',
    })
  })

  test('runs an Open WebUI of 0.9.5 or later, on a volume that stays', () => {
    const { image, volumes } = compose.services['open-webui']
    const [major = 0, minor = 0, patch = 0] = (image.split(':v')[1] ?? '').split('.').map(Number)
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(9_005)
    expect(volumes).toEqual(['open-webui:/app/backend/data'])
    expect(Object.keys(compose.volumes)).toContain('open-webui')
  })

  test('says of both services whether they are well', () => {
    for (const service of Object.values(compose.services)) {
      expect(service.healthcheck).toHaveProperty('test')
    }
  })

  test('asks for every value without a default, and .env.example explains each', async () => {
    const example = await readFile(join(folder, '.env.example'), 'utf8')
    const text = await readFile(file, 'utf8')
    const used = [...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name)
    const explained = [...example.matchAll(/^(\w+)=/gm)].map(([, name]) => name)
    expect(new Set(used)).toEqual(new Set(explained))
  })

  test('trusts the address that published ports show, as the network declares it', async () => {
    const { config } = parse(await readFile(join(folder, 'gateway.hujson'), 'utf8'), true)
    const [network] = compose.networks.default.ipam.config
    expect(config?.listeners[0]?.trustedProxies).toEqual([network?.gateway])
  })
})

const hash = '$2b$10$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'
const users = `"users": { "owner": { "password": "${hash}" }, "open-webui": { "password": "${hash}" } }`

const parse = (text: string, withUsers: boolean) =>
  parseConfig(withUsers ? text.replace(/\n\}\s*$/, `,\n${users}}`) : text, {
    file: 'gateway.hujson',
    env: () => undefined,
    readFile: () => undefined,
  })

describe('deploy/compose/gateway.hujson', () => {
  test('is in order as soon as the two users of the guide are there', async () => {
    const text = await readFile(join(folder, 'gateway.hujson'), 'utf8')
    expect(parse(text, true).problems.map(formatProblem)).toEqual([])
  })

  test('opens nothing before there is a user', async () => {
    const text = await readFile(join(folder, 'gateway.hujson'), 'utf8')
    const { config, problems } = parse(text, false)
    expect(config).toBeUndefined()
    const errors = problems.filter(({ severity }) => severity === 'error')
    expect(errors.map(({ message }) => message)).toEqual([
      'other machines can connect here, and no user is defined',
    ])
  })
})
