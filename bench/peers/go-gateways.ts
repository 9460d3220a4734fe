import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Part, pathOf } from '../../test/support/parts/part.ts'
import { model } from '../load/chat.ts'
import { gomodelPart, llamaSwapPart, ollaPart } from '../parts/go-gateways.ts'
import { chatPath, json, type Peer, type Recipe, type Site } from './peer.ts'

const peer = (
  about: Pick<Peer, 'name' | 'title' | 'does'>,
  part: Part,
  prepare: (site: Site) => Promise<Recipe>,
): Peer => ({ ...about, parts: [part], version: async () => part.version, prepare })

/** Nothing is fetched from elsewhere, and nothing is shown. */
const gomodelEnv = ({ port, upstream }: Site) => ({
  PORT: String(port),
  OPENAI_API_KEY: 'sk-of-the-model-server',
  OPENAI_BASE_URL: `${upstream}/v1`,
  MODEL_LIST_URL: '',
  LOG_LEVEL: 'error',
  SWAGGER_ENABLED: 'false',
  ADMIN_ENDPOINTS_ENABLED: 'false',
  ADMIN_UI_ENABLED: 'false',
})

export const gomodel = peer(
  { name: 'gomodel', title: 'GoModel', does: 'nothing' },
  gomodelPart,
  async (site) => ({
    program: {
      command: pathOf(gomodelPart),
      args: [],
      env: { ...gomodelEnv(site), USAGE_ENABLED: 'false' },
    },
    url: `http://127.0.0.1:${site.port}${chatPath}`,
    headers: json,
  }),
)

const masterKey = 'bench-master-key'

/** As far as it goes: one key for everybody, and what was used in SQLite. */
export const gomodelWithKey = peer(
  { name: 'gomodel-key', title: 'GoModel with key and usage', does: 'one key, ledger' },
  gomodelPart,
  async (site) => ({
    program: {
      command: pathOf(gomodelPart),
      args: [],
      env: { ...gomodelEnv(site), GOMODEL_MASTER_KEY: masterKey },
    },
    url: `http://127.0.0.1:${site.port}${chatPath}`,
    headers: { ...json, authorization: `Bearer ${masterKey}` },
  }),
)

const ollaConfig = ({ port, upstream }: Site): string => `
server:
  host: 127.0.0.1
  port: ${port}
  write_timeout: 0s
  request_logging: false
  rate_limits:
    global_requests_per_minute: 0
    per_ip_requests_per_minute: 0
    health_requests_per_minute: 0
    per_endpoint:
      default_requests_per_minute: 0
proxy:
  engine: sherpa
  profile: auto
  load_balancer: priority
discovery:
  type: static
  static:
    endpoints:
      - url: ${upstream}
        name: stub
        type: openai-compatible
        priority: 100
        model_url: /v1/models
        health_check_url: /v1/models
        check_interval: 30s
        check_timeout: 5s
  model_discovery:
    enabled: true
    interval: 10m
dashboard:
  enabled: false
logging:
  level: error
  format: json
  output: stdout
`

/**
 * No limits, no log of requests. Sherpa, its other engine: with the one called olla, a client that leaves counts as a fault
 * of the model server, and the last requests of a run shut it out for half a minute.
 */
export const olla = peer(
  { name: 'olla', title: 'Olla', does: 'nothing' },
  ollaPart,
  async (site) => {
    const file = join(site.folder, 'config.yaml')
    await writeFile(file, ollaConfig(site))
    return {
      program: {
        command: pathOf(ollaPart),
        args: ['--config', file],
        env: { OLLA_CONFIG_FILE: file, OLLA_LOG_LEVEL: 'error' },
      },
      url: `http://127.0.0.1:${site.port}/olla/openai${chatPath}`,
      headers: json,
    }
  },
)

const llamaSwapConfig = ({ upstream }: Site): string => `
logLevel: error
metricsMaxInMemory: 0
captureBuffer: 0
peers:
  stub:
    proxy: ${upstream}
    models: [${model}]
`

/** The model server is a peer of its own, as it is for everybody else here; nothing is kept of requests. */
export const llamaSwap = peer(
  { name: 'llama-swap', title: 'llama-swap', does: 'nothing' },
  llamaSwapPart,
  async (site) => {
    const file = join(site.folder, 'config.yaml')
    await writeFile(file, llamaSwapConfig(site))
    return {
      program: {
        command: pathOf(llamaSwapPart),
        args: ['--config', file, '--listen', `127.0.0.1:${site.port}`],
      },
      url: `http://127.0.0.1:${site.port}${chatPath}`,
      headers: json,
    }
  },
)
