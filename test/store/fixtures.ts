import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createClient } from '@libsql/client'
import { onTestFinished } from 'vitest'
import { type NodeStore, openStore, type StoreOptions } from '../../src/adapter/node/store/store.ts'
import type { Database } from '../../src/ledger/store/schema.ts'
import { usageStatements } from '../../src/ledger/store/usage/usage.ts'
import type { Ban } from '../../src/platform/records/ban.ts'
import type { AuthFailureRow, UsageRow } from '../../src/platform/records/usage.ts'

/** What the ledger does with rows, without its batches. */
export const insertUsage = async (db: Database, rows: readonly UsageRow[]): Promise<void> => {
  for (const statement of usageStatements(db, rows)) await statement
}

export const usageRow = (changes: Partial<UsageRow> = {}): UsageRow => ({
  id: crypto.randomUUID(),
  startedAt: Date.UTC(2026, 10, 21, 10),
  login: 'alice@example.com',
  kind: 'password',
  credentialId: 'api_user',
  node: null,
  door: 'local',
  clientIp: '127.0.0.1',
  userAgent: 'curl/8.14.1',
  label: null,
  dialect: 'openai',
  route: '/v1/chat/completions',
  model: 'local-llm',
  provider: 'lmstudio',
  upstreamModel: changes.model === undefined ? 'local-llm' : changes.model,
  status: 200,
  outcome: 'ok',
  errorCode: null,
  inputTokens: 10,
  outputTokens: 20,
  cachedTokens: 3,
  reasoningTokens: 4,
  tokensSource: 'reported',
  cacheWriteTokens: 0,
  toolCalls: 0,
  webSearches: 0,
  images: 0,
  audioMs: 0,
  costNanousd: null,
  costBasis: null,
  bytesIn: 100,
  bytesOut: 2000,
  firstByteMs: 12,
  durationMs: 340,
  overheadUs: 250,
  sessionId: null,
  requestId: 'r-1',
  alias: null,
  attempts: null,
  translated: null,
  queuedMs: null,
  ...changes,
})

export const usageRows = (count: number): UsageRow[] =>
  Array.from({ length: count }, () => usageRow())

export const failureRow = (changes: Partial<AuthFailureRow> = {}): AuthFailureRow => ({
  id: crypto.randomUUID(),
  at: Date.now(),
  clientIp: '192.0.2.1',
  user: 'root',
  reason: 'unknown_user',
  route: '/v1/models',
  requestId: 'r-1',
  ...changes,
})

export const ban = (changes: Partial<Ban> = {}): Ban => ({
  address: '192.0.2.1',
  cause: 'auth_failures',
  level: 1,
  startedAt: Date.now(),
  until: Date.now() + 60_000,
  note: '5 wrong credentials',
  ...changes,
})

/** A folder that goes when the test does. */
export const dataDir = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'postern-store-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface Logged {
  readonly evt: string
  readonly [name: string]: unknown
}

export type TestStore = NodeStore & { readonly logged: Logged[] }

/** A store that is closed when the test ends. */
export const store = async (options: Partial<StoreOptions> & { dataDir: string }) => {
  const logged: Logged[] = []
  const opened = await openStore({
    url: 'file:postern.db',
    log: (_level, evt, fields) => logged.push({ evt, ...fields }),
    ...options,
  })
  onTestFinished(() => opened.close())
  return Object.assign(opened, { logged }) satisfies TestStore
}

/** What another connection reads from the ledger of `dir`. */
export const query = async (dir: string, statement: string): Promise<unknown[][]> => {
  const client = createClient({ url: `file:${join(dir, 'postern.db')}` })
  try {
    const { rows } = await client.execute(statement)
    return rows.map((row) => Array.from(row))
  } finally {
    client.close()
  }
}

export const countUsage = async (dir: string): Promise<unknown> =>
  (await query(dir, 'SELECT count(*) FROM usage'))[0]?.[0]

export interface Child {
  readonly process: ChildProcess
  /** The next line it prints. */
  line(): Promise<string>
  kill(): Promise<void>
}

/** Runs a script of this folder on the Node of the tests, and ends it with the test. */
export const child = (script: string, ...args: string[]): Child => {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const spawned = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: spawned.stdout })[Symbol.asyncIterator]()
  const exited = new Promise<void>((resolve) => spawned.on('exit', () => resolve()))
  const kill = async (): Promise<void> => {
    spawned.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  return {
    process: spawned,
    line: async () => {
      const { value, done } = await lines.next()
      if (done) throw new Error(`${script} ended`)
      return value
    },
    kill,
  }
}
