import { pack } from '../../src/gateway/capture/pack.ts'
import type { SeededStore } from '../dashboard/ledger.ts'
import { usageRow } from '../store/fixtures.ts'

export { file } from '../dashboard/document.ts'

/** A request of which everything was kept. */
const kept = 'kept'

export const keepOne = async ({ store }: SeededStore): Promise<void> => {
  const at = Date.now() - 29 * 86_400_000
  await store.recordUsage(usageRow({ id: kept, startedAt: at, login: 'alice@example.com' }))
  const question = 'Where do swifts sleep?\nAnd why do "they" never land?'
  const tools = [{ name: 'search', params: { query: 'do swifts sleep in the air' } }]
  await store.saveCapture({
    id: kept,
    at,
    request: await pack(
      { model: 'qwen3:32b', messages: [{ role: 'user', content: question }] },
      65_536,
      true,
    ),
    response: await pack(
      { choices: [{ message: { role: 'assistant', content: 'In the air. '.repeat(60) } }] },
      400,
      true,
    ),
    tools: await pack(tools, 65_536, true),
  })
}

const grant = (src: string, role: string, models: string, more: object = {}) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': [{ role, models, ...more }] },
})

/** A small team with four providers, one of which is gone. */
export const config = (upstream: string) => ({
  mode: 'both',
  database: { retention: { duration: '30d' } },
  front: 'tailscale',
  listeners: [
    { name: 'local', bind: '127.0.0.1:0' },
    { name: 'tailnet', bind: 'unix:tailnet.sock', identity: 'serve' },
  ],
  allowed_hosts: ['gateway.tail1234.ts.net'],
  providers: {
    ollama: {
      name: 'Ollama',
      baseurl: upstream,
      models: ['qwen3:32b', 'llama3.3:70b', 'nomic-embed-text', 'stream', 'hang'],
      context_length: { 'qwen3:32b': 131_072, 'llama3.3:70b': 131_072 },
    },
    vllm: {
      name: 'vLLM on spark',
      baseurl: 'http://127.0.0.1:9',
      models: ['Qwen/Qwen3.6-35B-A3B-FP8', 'gone'],
      context_length: 262_144,
      limits: { concurrency: 4, queue: 16 },
    },
    anthropic: {
      name: 'Anthropic',
      baseurl: upstream,
      models: ['claude-sonnet-4-6'],
      context_length: 200_000,
      prices: { 'claude-sonnet-4-6': { input: 3, output: 15 } },
      compatibility: { openai_chat: false, anthropic_messages: true },
    },
  },
  quotas: {
    'day:<user>': { capacity: '$5.00', rate: '$5.00/day' },
    team: { capacity: '2M tokens', rate: '100k tokens/hour' },
  },
  grants: [
    grant('owner', 'admin', '**', { quotas: [{ bucket: 'day:<user>' }, { bucket: 'team' }] }),
    grant('group:family', 'user', 'ollama/**', { quotas: [{ bucket: 'team' }] }),
  ],
})

/** Every page there is. */
export const pages = [
  ...[
    '',
    '/models',
    '/connect',
    '/keys',
    '/overview?range=30d',
    '/requests',
    '/sessions?whose=all',
  ],
  ...['/people', '/access?who=alice&model=vllm%2Fgone', '/quotas', '/doors', '/providers'],
  ...['/config', '/audit', '/doctor?look=1', `/requests/${kept}`, `/requests/${kept}/said`],
].map((path) => `/ui${path}`)
