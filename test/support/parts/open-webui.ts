import { join } from 'node:path'
import { type Part, partsFolder, pathOf } from './part.ts'
import { freePort } from './port.ts'
import { type Environment, hasEnvironment, makeEnvironment } from './pypi.ts'
import { type Server, startServer } from './server.ts'

const version = '0.12.4'

/**
 * Left out: everything that runs a neural network inside Open WebUI (speech, OCR, local embeddings). It imports them only
 * when such a feature is used, and torch with its GPU libraries alone is over 4 GB.
 */
const without = [
  'accelerate',
  'einops',
  'faster-whisper',
  'opencv-python-headless',
  'rapidocr',
  'sentence-transformers',
  'torch',
  'transformers',
]

const environment = (): Environment => ({
  folder: join(partsFolder(), `open-webui-${version}`),
  python: '>=3.11,<3.13',
  requirements: [`open-webui==${version}`],
  without,
})

/** The real Open WebUI in its own virtual environment, about 1 GB. */
export const openWebui: Part = {
  name: 'open-webui',
  version,
  find: () =>
    hasEnvironment(environment())
      ? { path: join(environment().folder, 'bin', 'open-webui') }
      : { missing: 'not installed; `npm run test:parts` installs it (1 GB)' },
  install: (say) => makeEnvironment(environment(), say),
}

export interface OpenWebuiOptions {
  readonly port?: number
  /** Its database and uploads; the next start on the same folder finds the same users. */
  readonly dataDir: string
  /** The OpenAI-compatible server it talks to, with `/v1`. */
  readonly openaiBaseUrl: string
  readonly key: string
  /** The origins browsers see it under; WebSocket handshakes from any other fail. */
  readonly origins: readonly string[]
  /** Further settings, by Open WebUI's own names. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Only the process's own settings count, nothing is fetched, and no embedding model is asked for (tailscale-caddy H). */
const settings = (options: OpenWebuiOptions): NodeJS.ProcessEnv => ({
  DATA_DIR: options.dataDir,
  WEBUI_SECRET_KEY: 'only-for-tests',
  OPENAI_API_BASE_URLS: options.openaiBaseUrl,
  OPENAI_API_KEYS: options.key,
  CORS_ALLOW_ORIGIN: options.origins.join(';'),
  ENABLE_PERSISTENT_CONFIG: 'False',
  ENABLE_OLLAMA_API: 'false',
  OFFLINE_MODE: 'true',
  HF_HUB_OFFLINE: '1',
  RAG_EMBEDDING_ENGINE: 'openai',
  ENABLE_VERSION_UPDATE_CHECK: 'false',
  ANONYMIZED_TELEMETRY: 'false',
  DO_NOT_TRACK: 'true',
  SCARF_NO_ANALYTICS: 'true',
  WEBSOCKET_SERVER_PING_INTERVAL: '5', // seconds, so that a test can wait for a heartbeat
  // The model that the tests have is slow enough without writing titles, tags and follow-up questions as well.
  ENABLE_TITLE_GENERATION: 'false',
  ENABLE_TAGS_GENERATION: 'false',
  ENABLE_FOLLOW_UP_GENERATION: 'false',
  ...options.settings,
})

/** Starts Open WebUI on loopback: 10 to 20 seconds on a new data folder, which it migrates first. */
export const startOpenWebui = async (options: OpenWebuiOptions): Promise<Server> => {
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  return startServer({
    name: 'open-webui',
    command: pathOf(openWebui),
    args: ['serve', '--host', '127.0.0.1', '--port', String(port)],
    env: settings(options),
    cwd: options.dataDir,
    url,
    ready: `${url}/health`,
    within: 180_000,
  })
}
