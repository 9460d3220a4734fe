import type { Client } from '@libsql/client'
import type { UsageRow } from '../src/platform/records/usage.ts'

export const YEAR = 365 * 86_400_000

const MOST = 250_000

/**
 * Rows as 200 people would leave them in so long, until now: few people do most, each has favourites. Made by SQLite
 * itself.
 * @param length ms
 */
export const fill = async (client: Client, rows: number, length: number): Promise<void> => {
  const begin = Date.now() - length
  for (let from = 0; from < rows; from += MOST) {
    const to = Math.min(rows, from + MOST)
    await client.execute({ sql: INSERT, args: [from, to, begin, length / rows] })
    process.stdout.write(`\r${to}`)
  }
  process.stdout.write('\r')
}

// r1 to r4: numbers below 1000 that look random and are the same in every run.
const INSERT = `
WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2),
r AS (SELECT i, CAST(?3 + i * ?4 AS INTEGER) AS at,
  (i * 2654435761 >> 7) % 1000 AS r1, (i * 2246822519 >> 9) % 1000 AS r2,
  (i * 3266489917 >> 5) % 1000 AS r3, (i * 668265263 >> 11) % 1000 AS r4 FROM n),
p AS (SELECT *, r1 * r1 * 200 / 1000000 AS who FROM r),
m AS (SELECT *, (who + r2 * r2 * 4 / 1000000) % 12 AS what, printf('%012x', at) AS hex,
  CASE WHEN r3 < 950 THEN 200 WHEN r3 < 970 THEN 429 WHEN r3 < 990 THEN 502 ELSE 499 END AS status FROM p)
INSERT INTO usage (id, started_at, login, kind, credential_id, node, door, client_ip, user_agent, label, dialect, route,
  model, provider, upstream_model, status, outcome, input_tokens, output_tokens, cached_tokens, reasoning_tokens,
  tokens_source, cost_nanousd, bytes_in, bytes_out, first_byte_ms, duration_ms, overhead_us, session_id, request_id,
  tool_calls, cost_basis)
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7000-8000-' || printf('%012x', i), at,
  'person' || who || '@example.com', 'user', 'key-' || who, NULL,
  CASE (who + (r4 < 100)) % 3 WHEN 0 THEN 'public' ELSE 'tailnet' END, '100.64.0.' || who,
  CASE WHEN i % 500000 = 7 THEN 'goose/1.0' ELSE CASE (who + (r4 > 850)) % 6 WHEN 0 THEN 'claude-cli/2.0.1 (external, cli)'
    WHEN 1 THEN 'codex_cli_rs/0.63.0' WHEN 2 THEN 'OpenAI/Python 2.8.1' WHEN 3 THEN 'curl/8.14.1'
    WHEN 4 THEN 'Mozilla/5.0 (X11; Linux x86_64)' ELSE 'python-requests/2.32' END END,
  NULL, 'openai', '/v1/chat/completions', 'model-' || what,
  CASE WHEN status = 429 THEN NULL ELSE 'prov-' || (what % 4) END, 'model-' || what, status,
  CASE status WHEN 200 THEN 'ok' WHEN 429 THEN 'rejected' WHEN 502 THEN 'upstream_error' ELSE 'client_gone' END,
  r2 * 20, r3, r4, 0, CASE WHEN r4 < 900 THEN 'reported' ELSE 'estimated' END,
  CASE what % 3 WHEN 0 THEN NULL ELSE r2 * 12345 END, r2 * 80, r3 * 5, (r4 + 5) * (r3 + 20) / 50, (r4 + 5) * (r3 + 20) / 10, 180,
  'session-' || who || '-' || (at / 14400000 - (?3 / 14400000)), substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7fff-8000-' || printf('%012x', i),
  r2 % 3, 'own'
FROM m`

/** A row of this moment, of somebody among the same people. */
export const someRow = (startedAt: number): UsageRow => {
  const who = Math.floor(Math.random() ** 2 * 200)
  const what = (who + Math.floor(Math.random() ** 2 * 4)) % 12
  const agents = ['claude-cli/2.0.1', 'codex_cli_rs/0.63.0', 'OpenAI/Python 2.8.1', 'curl/8.14.1']
  const id = `${startedAt.toString(16).padStart(12, '0').replace(/^.{8}/, '$&-')}-7`
  return {
    id: id + crypto.randomUUID().slice(15),
    startedAt,
    login: `person${who}@example.com`,
    kind: 'user',
    credentialId: `key-${who}`,
    node: null,
    door: who % 3 === 0 ? 'public' : 'tailnet',
    clientIp: `100.64.0.${who}`,
    userAgent: agents[(who + Math.floor(Math.random() * 1.2)) % 4] ?? '',
    label: null,
    dialect: 'openai',
    route: '/v1/chat/completions',
    model: `model-${what}`,
    provider: `prov-${what % 4}`,
    upstreamModel: `model-${what}`,
    status: 200,
    outcome: 'ok',
    inputTokens: Math.floor(Math.random() * 20_000),
    outputTokens: Math.floor(Math.random() * 1000),
    cachedTokens: 0,
    reasoningTokens: 0,
    tokensSource: 'reported',
    cacheWriteTokens: 0,
    toolCalls: 0,
    webSearches: 0,
    images: 0,
    audioMs: 0,
    costNanousd: 123_456,
    costBasis: 'own',
    bytesIn: 4000,
    bytesOut: 2000,
    firstByteMs: Math.floor(Math.exp(Math.random() * 9)),
    durationMs: Math.floor(Math.exp(Math.random() * 11)),
    overheadUs: 200,
    errorCode: null,
    alias: null,
    attempts: null,
    translated: null,
    queuedMs: null,
    sessionId: `session-${who}-now`,
    requestId: id + crypto.randomUUID().slice(15),
  }
}
