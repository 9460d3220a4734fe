import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { build } from '../../caddy/config.ts'
import type { Address, CaddyOptions, Site } from '../../caddy/options.ts'
import { startCaddy } from '../support/parts/caddy.ts'
import type { Part } from '../support/parts/part.ts'
import { freePort } from '../support/parts/port.ts'
import type { Server } from '../support/parts/server.ts'
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

/** Caddy before a program on a port of loopback. */
export const setUp = (part: Part, site: Site, gatewayPort: number): Promise<Setup> =>
  setUpBefore(tcp(gatewayPort), site, part)

/** Caddy before a program anywhere on this machine. */
export const setUpBefore = async (
  gateway: Address,
  site: Site,
  part: Part,
  env: NodeJS.ProcessEnv = {},
): Promise<Setup> => {
  const admin = await freePort()
  const options: CaddyOptions = {
    site,
    gateway,
    bodyLimit: megabyte,
    trustedProxies: [],
    accessLog: join(folder, `${admin}.jsonl`),
    admin: tcp(admin),
  }
  const server = await startCaddy(build(options), `http://127.0.0.1:${admin}/config/`, part, env)
  return { options, server }
}

export const headersNamed = (stub: Stub, name: RegExp): string[] => {
  const raw = stub.passed.at(-1)?.rawHeaders ?? []
  return raw.flatMap((it, i) => (i % 2 === 0 && name.test(it) ? [`${it}: ${raw[i + 1]}`] : []))
}
