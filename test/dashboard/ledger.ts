import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import type { AuthFailureRow, UsageRow } from '../../src/platform/records/usage.ts'
import { usageRow } from '../store/fixtures.ts'

export interface SeededStore {
  readonly store: NodeStore
  stop(): Promise<void>
}

/** A real ledger with these rows in it. */
export const seededStore = async (rows: readonly UsageRow[]): Promise<SeededStore> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-ledger-'))
  const store = await openStore({
    url: 'file:postern.db',
    authToken: undefined,
    dataDir,
    log: () => {},
  })
  await Promise.all(rows.map((row) => store.recordUsage(row)))
  return {
    store,
    stop: async () => {
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The same numbers in every run (Mulberry32). */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

const day = 86_400_000

/** UUIDv7: the time first, the rest counted. */
const idAt = (at: number, n: number): string => {
  const time = at.toString(16).padStart(12, '0')
  const rest = n.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${rest}`
}

const people = [
  {
    login: 'owner',
    kind: 'password',
    door: 'local',
    share: 3,
    agent: 'claude-cli/2.1.0 (external, cli)',
  },
  {
    login: 'alice@example.com',
    kind: 'user',
    door: 'tailnet',
    share: 5,
    agent: 'Mozilla/5.0 (X11; Linux x86_64) Open WebUI',
  },
  { login: 'bob', kind: 'key', door: 'public', share: 2, agent: 'OpenAI/Python 2.9.0' },
  { login: 'tag:k8s', kind: 'node', door: 'tailnet', share: 3, agent: 'python-requests/2.32' },
] as const

const models = [
  { model: 'qwen3:32b', provider: 'ollama', share: 6, speed: 34, usd: null },
  { model: 'Qwen/Qwen3.6-35B-A3B-FP8', provider: 'vllm', share: 5, speed: 92, usd: null },
  { model: 'claude-sonnet-4-6', provider: 'anthropic', share: 4, speed: 71, usd: [3, 15] },
  { model: 'gpt-5.2', provider: 'openai', share: 2, speed: 63, usd: [1.25, 10] },
  { model: 'llama3.3:70b', provider: 'ollama', share: 1, speed: 11, usd: null },
] as const

const pick = <T extends { readonly share: number }>(from: readonly T[], at: number): T => {
  const drawn = from.flatMap((each) => Array.from({ length: each.share }, () => each))
  return drawn[Math.floor(at * drawn.length)] as T
}

/** A month of a small team, busier by day and towards its end. */
export const aMonth = (now: number, count = 1500): UsageRow[] => {
  const next = random(7)
  return Array.from({ length: count }, (_, n) => {
    const at = Math.round(now - 30 * day * next() ** 1.6 - 20_000)
    const person = pick(people, next())
    const { model, provider, speed, usd } = pick(models, next())
    const [inputTokens, outputTokens] = [
      Math.round(200 + 9000 * next() ** 3),
      Math.round(20 + 1400 * next() ** 2),
    ]
    const firstByteMs = Math.round(120 + 900 * next() ** 3)
    const failed = next() < 0.03
    const refused = !failed && next() < 0.02
    return usageRow({
      id: idAt(at, n),
      requestId: idAt(at, n + 1_000_000),
      startedAt: at,
      login: person.login,
      kind: person.kind,
      door: person.door,
      credentialId: person.login,
      clientIp: person.door === 'public' ? '203.0.113.24' : '100.64.0.7',
      node: person.door === 'tailnet' ? 'laptop' : null,
      userAgent: person.agent,
      model: n % 2 === 0 ? `${provider}/${model}` : model,
      provider: refused ? null : provider,
      upstreamModel: model,
      inputTokens: failed ? 0 : inputTokens,
      outputTokens: failed ? 0 : outputTokens,
      cachedTokens: failed ? 0 : Math.round(inputTokens * 0.4 * next()),
      reasoningTokens: 0,
      costNanousd: usd ? Math.round((inputTokens * usd[0] + outputTokens * usd[1]) * 1000) : 0,
      costBasis: usd ? `${provider}/${model}` : `own/${model}`,
      status: failed ? 502 : refused ? 429 : 200,
      outcome: failed ? 'upstream_error' : refused ? 'rejected' : 'ok',
      errorCode: failed ? 'overloaded_error' : refused ? 'quota_exceeded' : null,
      firstByteMs: failed ? null : firstByteMs,
      durationMs: failed ? 40 : Math.round(firstByteMs + (outputTokens / speed) * 1000),
      sessionId: `${person.login}-${Math.floor(n / 9)}`,
    })
  })
}

const causes = [
  { reason: 'wrong_password', clientIp: '203.0.113.9', share: 5 },
  { reason: 'unknown_user', clientIp: '203.0.113.9', share: 3 },
  { reason: 'unknown_key', clientIp: '198.51.100.4', share: 2 },
  { reason: 'missing', clientIp: '192.0.2.77', share: 1 },
] as const

/** A week of those who only try. */
export const turnedAway = (now: number, count = 300): AuthFailureRow[] => {
  const next = random(11)
  return Array.from({ length: count }, (_, n) => {
    const at = Math.round(now - 6.8 * day * next() - 1000)
    const { reason, clientIp } = pick(causes, next())
    const id = idAt(at, n)
    return { id, at, clientIp, user: 'admin', reason, route: '/v1/models', requestId: id }
  })
}
