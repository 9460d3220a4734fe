import { sql } from 'drizzle-orm'
import type { LibSQLDatabase } from 'drizzle-orm/libsql'
import {
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'
import type { JWK } from 'jose'
import type { CallerKind, Door, KeyLimits } from '../../platform/caller.ts'
import type { AuditRow } from '../../platform/records/act.ts'
import type { Ban } from '../../platform/records/ban.ts'
import type { Outcome, TokensSource } from '../../platform/records/usage.ts'

/** A file through `@libsql/client`, or a server through `@libsql/client/web`: the queries cannot tell. */
export type Database = LibSQLDatabase

/**
 * One request that passed authentication. `started_at` is wall-clock ms since the epoch; the migrations create the
 * table, this file only describes it to the queries.
 */
export const usage = sqliteTable(
  'usage',
  {
    id: text('id').notNull().primaryKey(),
    startedAt: integer('started_at').notNull(),
    login: text('login').notNull(),
    kind: text('kind').$type<CallerKind>().notNull(),
    credentialId: text('credential_id').notNull(),
    node: text('node'),
    door: text('door').$type<Door>().notNull(),
    clientIp: text('client_ip').notNull(),
    userAgent: text('user_agent').notNull(),
    label: text('label'),
    dialect: text('dialect').notNull(),
    route: text('route').notNull(),
    model: text('model'),
    provider: text('provider'),
    upstreamModel: text('upstream_model'),
    status: integer('status').notNull(),
    outcome: text('outcome').$type<Outcome>().notNull(),
    inputTokens: integer('input_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    cachedTokens: integer('cached_tokens').notNull(),
    reasoningTokens: integer('reasoning_tokens').notNull(),
    tokensSource: text('tokens_source').$type<TokensSource>().notNull(),
    costNanousd: integer('cost_nanousd'),
    bytesIn: integer('bytes_in').notNull(),
    bytesOut: integer('bytes_out').notNull(),
    firstByteMs: integer('first_byte_ms'),
    durationMs: integer('duration_ms').notNull(),
    overheadUs: integer('overhead_us').notNull(),
    sessionId: text('session_id'),
    requestId: text('request_id').notNull(),
    cacheWriteTokens: integer('cache_write_tokens').notNull().default(0),
    toolCalls: integer('tool_calls').notNull().default(0),
    webSearches: integer('web_searches').notNull().default(0),
    images: integer('images').notNull().default(0),
    audioMs: integer('audio_ms').notNull().default(0),
    costBasis: text('cost_basis'),
    errorCode: text('error_code'),
    alias: text('alias'),
    attempts: text('attempts'),
    translated: text('translated'),
    queuedMs: integer('queued_ms'),
  },
  (table) => [
    index('usage_started_at').on(table.startedAt),
    index('usage_login_started_at').on(table.login, table.startedAt),
    index('usage_session_id_started_at').on(table.sessionId, table.startedAt),
    index('usage_failed_started_at').on(table.startedAt).where(sql`outcome <> 'ok'`),
    index('usage_counted_model_started_at').on(sql`counted_model`, table.startedAt),
    index('usage_error_code_started_at')
      .on(table.errorCode, table.startedAt)
      .where(sql`error_code IS NOT NULL`),
  ],
)

/** Requests of one person that belong together, added up by a trigger; times are wall-clock ms since the epoch. */
export const usageSessions = sqliteTable(
  'usage_sessions',
  {
    login: text('login').notNull(),
    sessionId: text('session_id').notNull(),
    firstAt: integer('first_at').notNull(),
    lastAt: integer('last_at').notNull(),
    requests: integer('requests').notNull(),
    failed: integer('failed').notNull(),
    inputTokens: integer('input_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    costNanousd: integer('cost_nanousd').notNull(),
    unpriced: integer('unpriced').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.login, table.sessionId] }),
    index('usage_sessions_first_at').on(table.firstAt, table.login, table.sessionId),
    index('usage_sessions_login_first_at').on(table.login, table.firstAt, table.sessionId),
  ],
)

/** Headers that requests can be found by; an empty value where none is kept. */
export const usageHeaders = sqliteTable(
  'usage_headers',
  {
    name: text('name').notNull(),
    value: text('value').notNull(),
    seenAt: integer('seen_at').notNull(),
    usageId: text('usage_id').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.name, table.value, table.seenAt, table.usageId] }),
    index('usage_headers_name_seen_at').on(table.name, table.seenAt, table.usageId),
  ],
)

/** One refused attempt; `at` is wall-clock ms since the epoch. */
export const authFailures = sqliteTable(
  'auth_failures',
  {
    id: text('id').notNull().primaryKey(),
    at: integer('at').notNull(),
    clientIp: text('client_ip').notNull(),
    user: text('user').notNull(),
    reason: text('reason').notNull(),
    route: text('route').notNull(),
    requestId: text('request_id').notNull(),
  },
  (table) => [
    index('auth_failures_at').on(table.at),
    index('auth_failures_client_ip_at').on(table.clientIp, table.at),
  ],
)

/** One address banned, or lately banned; times are wall-clock ms since the epoch. */
export const bans = sqliteTable('bans', {
  address: text('address').notNull().primaryKey(),
  cause: text('cause').$type<Ban['cause']>().notNull(),
  level: integer('level').notNull(),
  startedAt: integer('started_at').notNull(),
  until: integer('until'),
  note: text('note').notNull(),
})

/** A browser that somebody signed in with; times are wall-clock ms since the epoch. */
export const browsers = sqliteTable('browsers', {
  id: text('id').notNull().primaryKey(),
  login: text('login').notNull(),
  userAgent: text('user_agent').notNull(),
  door: text('door').$type<Door>().notNull(),
  clientIp: text('client_ip').notNull(),
  startedAt: integer('started_at').notNull(),
  endedAt: integer('ended_at'),
})

/** One API key; times are wall-clock ms since the epoch. */
export const keys = sqliteTable(
  'keys',
  {
    id: text('id').notNull().primaryKey(),
    digest: text('digest'),
    kid: text('kid'),
    hint: text('hint').notNull(),
    login: text('login').notNull(),
    name: text('name').notNull(),
    models: text('models', { mode: 'json' }).$type<NonNullable<KeyLimits['models']>>(),
    via: text('via', { mode: 'json' }).$type<NonNullable<KeyLimits['via']>>(),
    role: text('role').$type<NonNullable<KeyLimits['role']>>(),
    createdAt: integer('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    expiresAt: integer('expires_at'),
    revokedAt: integer('revoked_at'),
    lastUsedAt: integer('last_used_at'),
    quota: text('quota', { mode: 'json' }).$type<NonNullable<KeyLimits['quota']>>(),
  },
  (table) => [uniqueIndex('keys_digest').on(table.digest)],
)

/** The public half of a signing key; its signatures count until it is retired. */
export const signingKeys = sqliteTable('signing_keys', {
  kid: text('kid').notNull().primaryKey(),
  jwk: text('jwk', { mode: 'json' }).$type<JWK>().notNull(),
  createdAt: integer('created_at').notNull(),
  retiredAt: integer('retired_at'),
})

/** How far an exporter is: what the other side has, and what is being sent. */
export const exports = sqliteTable('exports', {
  name: text('name').notNull().primaryKey(),
  done: text('done'),
  doneAt: integer('done_at'),
  rows: integer('rows').notNull().default(0),
  last: text('last'),
  object: text('object'),
  batchRows: integer('batch_rows').notNull().default(0),
})

/** What was asked and answered; the id is that of the row in `usage`, `at` wall-clock ms since the epoch. */
export const captures = sqliteTable('captures', {
  id: text('id').notNull().primaryKey(),
  at: integer('at').notNull(),
  request: text('request'),
  response: text('response'),
  tools: text('tools'),
})

/** Responses that providers keep, and whose they are; `at` is wall-clock ms since the epoch. */
export const responses = sqliteTable('responses', {
  id: text('id').notNull().primaryKey(),
  provider: text('provider').notNull(),
  model: text('model').notNull(),
  login: text('login').notNull(),
  at: integer('at').notNull(),
  settled: integer('settled', { mode: 'boolean' }).notNull(),
})

/** One act on the gateway; the id is a UUIDv7, so its order is that of time. */
export const audit = sqliteTable('audit', {
  id: text('id').notNull().primaryKey(),
  at: integer('at').notNull(),
  login: text('login').notNull(),
  kind: text('kind').$type<CallerKind>().notNull(),
  credentialId: text('credential_id').notNull(),
  door: text('door').$type<Door>().notNull(),
  clientIp: text('client_ip').notNull(),
  action: text('action').notNull(),
  target: text('target').notNull(),
  outcome: text('outcome').$type<AuditRow['outcome']>().notNull(),
  detail: text('detail').notNull(),
  requestId: text('request_id').notNull(),
})

/** A configuration that was put in force, its secrets as marks; `at` is wall-clock ms since the epoch. */
export const configVersions = sqliteTable('config_versions', {
  number: integer('number').notNull().primaryKey(),
  id: text('id').notNull().unique(),
  at: integer('at').notNull(),
  login: text('login').notNull(),
  requestId: text('request_id').notNull(),
  changes: text('changes').notNull(),
  config: text('config').notNull(),
})

/** One bucket as its charges left it; `at` is wall-clock ms since the epoch. */
export const quotas = sqliteTable(
  'quotas',
  {
    quota: text('quota').notNull(),
    holder: text('holder').notNull(),
    unit: text('unit').notNull(),
    balance: real('balance').notNull(),
    spent: integer('spent').notNull(),
    capacity: integer('capacity').notNull(),
    rate: real('rate').notNull(),
    at: integer('at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.quota, table.holder] })],
)

/** What somebody puts back, until a gateway has done it. */
export const quotaRefills = sqliteTable('quota_refills', {
  id: text('id').notNull().primaryKey(),
  quota: text('quota').notNull(),
  holder: text('holder').notNull(),
  amount: integer('amount').notNull(),
  at: integer('at').notNull(),
})
