import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@libsql/client'
import { startGateway } from '../../src/adapter/node/gateway.ts'
import { createTransport } from '../../src/adapter/node/http/transport.ts'
import { createPlatform } from '../../src/adapter/node/platform.ts'
import { createPasswordPool } from '../../src/adapter/node/secrets/passwords.ts'
import { openStore } from '../../src/adapter/node/store/store.ts'
import { createState } from '../../src/app/state.ts'
import { withDemo } from '../../src/gateway/upstream/demo.ts'
import { createRegistry } from '../../src/gateway/upstream/registry.ts'
import { testConfig } from '../support/config.ts'
import type { ConfigText, Runtime } from './suite.ts'

/** The whole gateway in this process, its ledger in a file; loopback stands for a proxy that forwards the clients. */
export const startOnNode = async (text: ConfigText): Promise<Runtime> => {
  const listener = { name: 'local', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }
  const config = testConfig({ ...text, listeners: [listener] })
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-node-'))
  const log = () => {}
  const store = await openStore({ ...config.database, dataDir, log })
  const passwords = createPasswordPool({ workers: 2, queue: 64 })
  const transport = createTransport()
  const platform = createPlatform({ store, passwords, send: withDemo(transport.send), log })
  const registry = createRegistry(platform, config)
  const state = createState(platform, registry)
  await Promise.all([registry.start(), state.bans.loaded])
  const gateway = await startGateway({ config, platform, state, dataDir })
  const database = createClient({ url: `file:${join(dataDir, 'postern.db')}` })
  return {
    url: gateway.addresses.get('local') ?? '',
    database,
    from: (ip) => ({ 'x-forwarded-for': ip }),
    stop: async () => {
      await gateway.stop(100)
      registry.stop()
      database.close()
      await store.close()
      await Promise.all([transport.close(), passwords.close()])
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
