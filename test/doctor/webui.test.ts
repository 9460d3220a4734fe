import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openDatabase } from '../../src/adapter/node/ledger/database.ts'
import { LedgerReader } from '../../src/adapter/node/ledger/reader.ts'
import { checkWebui } from '../../src/admin/doctor/checks/webui.ts'
import type { Given } from '../../src/admin/doctor/given.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { HASH } from '../config/read.ts'
import { insertUsage, usageRow } from '../store/fixtures.ts'
import { freePort } from '../support/parts/port.ts'
import { complaints, given, type Patient } from './patient.ts'

const features = { auth: true, auth_trusted_header: false, enable_websocket: true }
const told = { status: true, name: 'Open WebUI', version: '0.12.4', features }

interface Stand {
  /** Answer to `/api/config`; a text is not JSON. */
  readonly config?: object | string
  readonly status?: number
  /** Status of the handshake; 0 breaks it off. */
  readonly socket?: number
}

/** What of Open WebUI the doctor asks for. */
const startStand = async ({ config = told, status = 200, socket = 101 }: Stand = {}) => {
  const upgrades: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const left = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    const body = typeof config === 'string' ? config : JSON.stringify(config)
    response.writeHead(request.url === '/api/config' ? status : 404).end(body)
  })
  server.on('connection', (each) => {
    sockets.add(each)
    each.on('error', () => {})
  })
  server.on('upgrade', (request: IncomingMessage, connection: Socket) => {
    upgrades.push(request)
    connection.resume().once('end', () => left.resolve())
    if (socket === 0) {
      connection.destroy()
      return
    }
    const head = socket === 101 ? 'Upgrade: websocket\r\nConnection: Upgrade' : 'Content-Length: 0'
    connection.write(`HTTP/1.1 ${socket} Whatever\r\n${head}\r\n\r\n`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const each of sockets) each.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, upgrades, left: left.promise }
}

const look = async (stand: Stand, webui: object = {}, { config, ...rest }: Patient = {}) => {
  const { url } = await startStand(stand)
  return complaints(checkWebui, { ...rest, config: { webui: { url, ...webui }, ...config } })
}

const listeners = [
  { name: 'local', bind: '127.0.0.1:8787' },
  { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
]

/** A ledger with requests of these programs and credentials. */
const ledgerOf = async (
  ...rows: readonly Partial<UsageRow>[]
): Promise<NonNullable<Given['ask']>> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'doctor-webui-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const { client, db } = await openDatabase({
    url: 'file:postern.db',
    authToken: undefined,
    dataDir,
  })
  await insertUsage(
    db,
    rows.map((row) => usageRow({ startedAt: Date.now() - 60_000, ...row })),
  )
  client.close()
  const reader = new LedgerReader({ url: 'file:postern.db', authToken: undefined, dataDir })
  onTestFinished(() => reader.close())
  return reader.ask.bind(reader)
}

describe('Open WebUI that may talk past the gateway', () => {
  const its = { userAgent: 'Python/3.11 aiohttp/3.14.5', credentialId: 'openwebui' }
  const past = ['warning webui.past_gateway webui']

  it('is told of when it has accounts and never asked for a model', async () => {
    expect(await look({}, {}, { ask: await ledgerOf() })).toEqual(past)
    expect(await look({}, {}, { ask: await ledgerOf({ userAgent: 'curl/8.14.1' }) })).toEqual(past)
    const long = { ...its, startedAt: Date.now() - 40 * 86_400_000 }
    expect(await look({}, {}, { ask: await ledgerOf(long) })).toEqual(past)
  })

  it('is fine when it asked, under its own name or that of its library', async () => {
    expect(await look({}, {}, { ask: await ledgerOf(its) })).toEqual([])
    const named = { ...its, userAgent: 'Open WebUI' }
    expect(await look({}, {}, { ask: await ledgerOf(named) })).toEqual([])
  })

  it('is told from another program of the same library where its credential is known', async () => {
    const config = { users: { openwebui: { password: HASH } } }
    const speaks_for = { login: 'openwebui', secret: 'x'.repeat(32) }
    const other = await ledgerOf({ ...its, credentialId: 'somebody' })
    expect(await look({}, { speaks_for }, { ask: other, config })).toEqual(past)
    const both = await ledgerOf({ ...its, credentialId: 'somebody' }, its)
    expect(await look({}, { speaks_for }, { ask: both, config })).toEqual([])
  })

  it('is not accused before anybody can have used it, nor where there is no ledger', async () => {
    const empty = await ledgerOf()
    expect(await look({ config: { ...told, onboarding: true } }, {}, { ask: empty })).toEqual([
      'warning webui.no_account webui',
    ])
    expect(await look({})).toEqual([])
    expect(await look({}, {}, { ask: () => Promise.reject(new Error('away')) })).toEqual([])
  })
})

describe('Open WebUI', () => {
  it('is not looked for where there is none', async () => {
    expect(await checkWebui(given({}))).toEqual([])
  })

  it('is fine, and is asked for a WebSocket as a page of ours would', async () => {
    const { url, upgrades } = await startStand()
    const config = { webui: { url }, allowed_hosts: ['ai.tail1234.ts.net'] }
    expect(await checkWebui(given({ config }))).toMatchObject([{ id: 'webui.fine' }])
    expect(upgrades[0]).toMatchObject({
      url: '/ws/socket.io/?EIO=4&transport=websocket',
      headers: { origin: 'https://ai.tail1234.ts.net' },
    })
  })

  it('gets its WebSocket closed again', async () => {
    const { url, left } = await startStand()
    await checkWebui(given({ config: { webui: { url } } }))
    await left
  })

  it('does not answer, or with an error', async () => {
    const config = { webui: { url: `http://127.0.0.1:${await freePort()}` } }
    const [finding] = await checkWebui(given({ config }))
    expect(finding).toMatchObject({ id: 'webui.unreachable', severity: 'error' })
    expect(finding?.says).toContain('nobody listens there (ECONNREFUSED)')
    expect(await look({ status: 502 })).toEqual(['error webui.unreachable webui'])
  })

  it.each([
    ['a page', { config: '<!doctype html>' }],
    ['other JSON', { config: { name: 'Grafana' } }],
    ['not found', { status: 404 }],
  ])('is something else: %s', async (_, stand) => {
    expect(await look(stand)).toEqual(['error webui.another webui'])
  })

  it('is old', async () => {
    expect(await look({ config: { ...told, version: '0.9.4' } })).toEqual([
      'warning webui.old webui',
    ])
  })

  it.each([403, 400, 0])('refuses WebSockets with %i', async (socket) => {
    expect(await look({ socket })).toEqual(['error webui.websocket webui'])
  })

  it('signs nobody in by header, and we count on it', async () => {
    const sso = { sso: 'trusted-header' }
    expect(await look({}, sso)).toEqual(['error webui.sso_off_there webui'])
    const agreed = { ...told, features: { ...features, auth_trusted_header: true } }
    expect(await look({ config: agreed }, sso)).toEqual([])
    expect(await look({ config: agreed })).toEqual(['error webui.sso_off_here webui'])
  })

  it('asks nobody for a login, on the internet', async () => {
    const stand = { config: { ...told, features: { ...features, auth: false } } }
    const config = { mode: 'funnel', listeners }
    expect(await look(stand, {}, { config })).toEqual(['error webui.no_login webui'])
    expect(await look(stand, { public: false }, { config })).toEqual([])
    expect(await look(stand)).toEqual([])
  })

  it('waits for its first account', async () => {
    expect(await look({ config: { ...told, onboarding: true } })).toEqual([
      'warning webui.no_account webui',
    ])
  })

  it('can be reached past the gateway, which with sso is an error', async () => {
    const facts = { addresses: [{ interface: 'eth0', address: '192.168.1.5' }] }
    const open = { facts, machine: { connects: async () => true } }
    expect(await look({}, {}, open)).toEqual(['warning webui.exposed webui'])
    const agreed = { ...told, features: { ...features, auth_trusted_header: true } }
    expect(await look({ config: agreed }, { sso: 'trusted-header' }, open)).toEqual([
      'error webui.exposed webui',
    ])
  })

  it('cannot reach us from its container', async () => {
    const { url, port } = await startStand()
    const inContainer = (bind: string) =>
      complaints(checkWebui, {
        config: { webui: { url }, listeners: [{ name: 'local', bind }] },
        facts: { published: [port] },
      })
    expect(await inContainer('127.0.0.1:8787')).toEqual(['warning webui.container_shut_out webui'])
    expect(await inContainer('172.17.0.1:8787')).toEqual([])
    const elsewhere = { config: { webui: { url } }, facts: { published: [port + 1] } }
    expect(await complaints(checkWebui, elsewhere)).toEqual([])
  })
})
