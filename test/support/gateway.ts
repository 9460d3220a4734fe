import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Gateway, startGateway } from '../../src/adapter/node/gateway.ts'
import { createTransport } from '../../src/adapter/node/http/transport.ts'
import { createPlatform } from '../../src/adapter/node/platform.ts'
import { createPasswordPool } from '../../src/adapter/node/secrets/passwords.ts'
import type { ConfigDocument } from '../../src/admin/api/config/document.ts'
import { createState, type State } from '../../src/app/state.ts'
import type { Config } from '../../src/config/config.ts'
import { withDemo } from '../../src/gateway/upstream/demo.ts'
import { createRegistry } from '../../src/gateway/upstream/registry.ts'
import type { LogFields, LogLevel, Platform } from '../../src/platform/platform.ts'
import { testConfig } from './config.ts'
import { memoryStore } from './store.ts'

export interface LogLine extends LogFields {
  readonly level: LogLevel
  readonly evt: string
}

export interface TestGateway {
  /** Of the first listener. */
  readonly url: string
  readonly port: number
  readonly store: ReturnType<typeof memoryStore>
  readonly log: LogLine[]
  readonly state: State
  readonly gateway: Gateway
  reload(overrides: { readonly [key: string]: unknown }): Promise<void>
  stop(): Promise<void>
}

export interface TestGatewayOptions {
  readonly platform?: Partial<Platform>
  readonly document?: ConfigDocument
}

/** The whole gateway in this process on a free port: real sockets, transport and passwords, a store in memory. */
export const startTestGateway = async (
  overrides: { readonly [key: string]: unknown } = {},
  options: TestGatewayOptions = {},
): Promise<TestGateway> => {
  const config: Config = testConfig(overrides)
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-test-'))
  const store = memoryStore()
  const log: LogLine[] = []
  const transport = createTransport()
  const passwords = createPasswordPool({ workers: 2, queue: 64 })
  const platform: Platform = {
    ...createPlatform({
      store,
      passwords,
      send: withDemo(transport.send),
      log: (level, evt, fields) => log.push({ level, evt, ...fields }),
    }),
    ...options.platform,
  }
  const registry = createRegistry(platform, config)
  await registry.start()
  const state = createState(platform, registry, options.document)
  const gateway = await startGateway({ config, platform, state, dataDir })
  const url = [...gateway.addresses.values()][0] ?? ''
  return {
    url,
    port: Number(url.split(':').at(-1)),
    store,
    log,
    state,
    gateway,
    reload: async (changed) => {
      const next = testConfig({ ...overrides, ...changed })
      await registry.update(next)
      await gateway.reload(next)
    },
    stop: async () => {
      await gateway.stop(100)
      registry.stop()
      await Promise.all([transport.close(), passwords.close()])
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
