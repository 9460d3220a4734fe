import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { CaddyOptions, Site } from '../../caddy/options.ts'
import { startCaddy } from '../support/parts/caddy.ts'
import type { Part } from '../support/parts/part.ts'
import { freePort, type Server } from '../support/parts/server.ts'
import type { Stub } from './stub.ts'

export const tcp = (port: number) => ({ kind: 'tcp', host: '127.0.0.1', port }) as const
export const megabyte = 1_048_576

/** Real Caddy before a stub, ready for requests. */
export interface Setup {
  readonly options: CaddyOptions
  readonly server: Server
}

export const folder = await mkdtemp(join(tmpdir(), 'postern-caddy-test-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

export const setUp = async (part: Part, site: Site, gatewayPort: number): Promise<Setup> => {
  const admin = await freePort()
  const options: CaddyOptions = {
    site,
    gateway: tcp(gatewayPort),
    bodyLimit: megabyte,
    trustedProxies: [],
    accessLog: join(folder, `${gatewayPort}-${site.tls}.jsonl`),
    admin: tcp(admin),
  }
  const server = await startCaddy(build(options), `http://127.0.0.1:${admin}/config/`, part)
  return { options, server }
}

export const headersNamed = (stub: Stub, name: RegExp): string[] => {
  const raw = stub.passed.at(-1)?.rawHeaders ?? []
  return raw.flatMap((it, i) => (i % 2 === 0 && name.test(it) ? [`${it}: ${raw[i + 1]}`] : []))
}
