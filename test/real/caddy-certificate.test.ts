import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type PeerCertificate } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { setUp } from '../caddy/set-up.ts'
import { type Stub, startStub } from '../caddy/stub.ts'
import { caddy } from '../support/parts/caddy.ts'
import { describeWith } from '../support/parts/need.ts'
import type { Part } from '../support/parts/part.ts'
import { freePort } from '../support/parts/port.ts'
import { type Leaf, makeAuthority } from '../support/tailnet/authority.ts'

const host = 'box.tail1234.ts.net'
const folder = await mkdtemp(join(tmpdir(), 'postern-certificate-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Caddy looks for tailscaled in /var/run and nowhere else: here it has a /run of its own. */
const inOwnRun = (program: string, file: string): Promise<void> => {
  const inside = `mount --bind '${folder}' /run && exec '${program}' "$@"`
  const script = `#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c "$INSIDE" sh "$@"\n`
  return writeFile(file, script.replace('"$INSIDE"', quoted(inside)), { mode: 0o700 })
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

const canHaveOwnRun = async (): Promise<boolean> => {
  const script = join(folder, 'try')
  await inOwnRun('true', script)
  return spawnSync(script).status === 0
}

const script = join(folder, 'caddy')
const place = caddy.find()
if ('path' in place) await inOwnRun(place.path, script)
const possible = await canHaveOwnRun()

const caddyWithOwnRun: Part = {
  ...caddy,
  find: () => {
    if ('missing' in place) return place
    return possible ? { path: script } : { missing: 'needs unshare(1) and a mount namespace' }
  },
}

describeWith([caddyWithOwnRun], 'Caddy with certificates of tailscaled', () => {
  const asked: string[] = []
  const stops: (() => Promise<void>)[] = []
  let stub: Stub
  let port = 0
  let ca = ''
  let leaf: Leaf

  /** The part of tailscaled's LocalAPI that Caddy uses; headscale gives out no certificates. */
  const startLocalApi = async (): Promise<() => Promise<void>> => {
    const server = createServer((request, response) => {
      asked.push(`${request.headers.host} ${request.url}`)
      if (request.url?.startsWith('/localapi/v0/status')) {
        response.end(JSON.stringify({ BackendState: 'Running', CertDomains: [host] }))
      } else response.end(`${leaf.key}${leaf.certificate}`)
    })
    server.listen(join(folder, 'tailscale', 'tailscaled.sock'))
    await once(server, 'listening')
    return async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    }
  }

  beforeAll(async () => {
    await mkdir(join(folder, 'tailscale'))
    const authority = await makeAuthority(folder)
    ca = authority.certificate
    leaf = await authority.issue(host)
    stub = await startStub()
    port = await freePort()
    const ports = { https: port, http: await freePort() }
    const site = { tls: 'automatic', hosts: [host], ports } as const
    const { server } = await setUp(caddyWithOwnRun, site, stub.port)
    stops.push(stub.stop, server.stop)
  })
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  /** The certificate for a name, which must be of our authority. */
  const handshake = async (servername: string): Promise<PeerCertificate> => {
    const socket = connect({ host: '127.0.0.1', port, servername, ca })
    await once(socket, 'secureConnect')
    const certificate = socket.getPeerCertificate()
    socket.destroy()
    return certificate
  }

  test('has none while tailscaled is down, and asks it again at the next handshake', async () => {
    await expect(handshake(host)).rejects.toThrow()
    const stop = await startLocalApi()
    const { subject } = await handshake(host)
    await stop()
    expect(subject.CN).toBe(host)
    expect(asked).toContain('local-tailscaled.sock /localapi/v0/status')
    expect(asked.filter((line) => line.includes(`/cert/${host}?type=pair`))).toHaveLength(1)
  })

  test('asks it for no certificate of another name', async () => {
    const stop = await startLocalApi()
    asked.length = 0
    await expect(handshake('other.tail1234.ts.net')).rejects.toThrow()
    await expect(handshake('other.example')).rejects.toThrow()
    await stop()
    expect(asked.filter((line) => line.includes('/cert/'))).toEqual([])
  })
})
