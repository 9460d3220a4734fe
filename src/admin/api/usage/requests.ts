import { z } from 'zod'
import { Failure } from '../../../platform/failure.ts'
import type { Platform } from '../../../platform/platform.ts'
import type {
  RequestCursor,
  RequestSummary,
  SessionCursor,
  SessionSummary,
} from '../../../platform/records/figures.ts'
import { OUTCOMES } from '../../../platform/records/usage.ts'
import { type AdminRequest, type AdminRoute, route } from '../route.ts'
import { iso, loginOf, moment, refuse, scopeOf, scopeQuery } from './usage-scope.ts'

const text = z.string()
const maybe = text.nullable()

const request = z.object({
  id: text,
  started_at: text,
  login: text,
  kind: text,
  credential_id: text.describe('Never the secret itself.'),
  node: maybe,
  door: text,
  client_ip: text,
  user_agent: text,
  agent: text,
  label: maybe,
  dialect: text,
  route: text,
  model: maybe,
  provider: maybe,
  upstream_model: maybe,
  status: z.int(),
  outcome: z.enum(OUTCOMES),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cached_tokens: z.int(),
  reasoning_tokens: z.int(),
  cache_write_tokens: z.int(),
  tokens_source: text.describe('`reported` by the provider, `estimated` by us, or `none`.'),
  tool_calls: z.int(),
  web_searches: z.int(),
  images: z.int(),
  audio_ms: z.int(),
  cost_nanousd: z.int().nullable().describe('Null: the price is not known.'),
  cost_basis: maybe,
  bytes_in: z.int(),
  bytes_out: z.int(),
  first_byte_ms: z.int().nullable(),
  duration_ms: z.int(),
  overhead_us: z.int(),
  session_id: maybe,
  request_id: text,
  error_code: maybe.describe('Ours or the provider’s; null where all was well.'),
  alias: maybe,
  attempts: maybe.describe('Providers that were tried, as JSON; null where it was one.'),
  translated: maybe.describe('As `chat>messages`; null where nothing was.'),
  queued_ms: z.int().nullable(),
})
type RequestRecord = z.output<typeof request>

/** In the order in which they are shown. */
export const requestColumns = Object.keys(request.shape) as readonly (keyof RequestRecord)[]

const session = z.object({
  login: text,
  session_id: text,
  first_at: text,
  last_at: text,
  requests: z.int(),
  failed: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_nanousd: z.int(),
  unpriced: z.int(),
})

const paging = {
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  before: text.max(2000).optional().describe('The `next` of the page before.'),
}

const requestsQuery = scopeQuery.extend({
  since: moment.optional().describe('Inclusive, ISO 8601. Default: from the beginning.'),
  session: text.max(128).optional(),
  q: text
    .min(1)
    .max(128)
    .optional()
    .describe(
      'Part of a model, program, route, address, label or login; looks at 20,000 rows a page.',
    ),
  header: text
    .regex(/^[\w!#$%&'*+.^`|~-]{1,64}(?::.{0,256})?$/)
    .optional()
    .describe(
      'A header of `database.headers.filterable` that they had, as `x-project` or `x-project:alpha`; needs ' +
        '`filterable_headers` of a grant.',
    ),
  ...paging,
})

const sessionsQuery = z.object({
  since: moment.optional().describe('Begun at or after.'),
  until: moment.optional().describe('Begun before.'),
  login: text.max(512).optional(),
  ...paging,
})

const next = maybe.describe(
  'Where to go on; null at the end. A page may be short and yet have a next.',
)

/** Single requests, and the sessions that they belong to. */
export const requestRoutes = ({
  store,
  clock,
}: Pick<Platform, 'store' | 'clock'>): AdminRoute[] => [
  route({
    method: 'get',
    path: '/postern/api/requests',
    id: 'listRequests',
    summary: 'Requests, newest first: your own; everybody’s for admins.',
    needs: 'role',
    query: requestsQuery,
    answers: z.object({ data: z.array(request), next }),
    handle: async (asked) => {
      const { limit, before, session, q, since, header } = asked.query as z.output<
        typeof requestsQuery
      >
      const page = await store.ask('requests', {
        ...scopeOf(asked, clock.now()),
        ...(since === undefined && { since: 0 }),
        ...(session !== undefined && { session }),
        ...(q !== undefined && { text: q }),
        ...(header !== undefined && { header: headerOf(asked, header) }),
        ...(before !== undefined && { before: requestCursor(before) }),
        limit,
      })
      const next = page.next ? `${page.next.startedAt},${page.next.id}` : null
      return asked.c.json({ data: page.rows.map(requestRecord), next })
    },
  }),
  route({
    method: 'get',
    path: '/postern/api/requests/{id}',
    id: 'getRequest',
    summary: 'One request by its id, or by the X-Request-Id of its answer.',
    needs: 'role',
    answers: request,
    handle: async (asked) => {
      const id = asked.c.req.param('id') ?? ''
      const row = await store.ask('request', { id, ...loginOf(asked, undefined) })
      if (!row) throw new Failure('not_found', 'There is no such request.')
      return asked.c.json(requestRecord(row))
    },
  }),
  route({
    method: 'get',
    path: '/postern/api/sessions',
    id: 'listSessions',
    summary: 'Sessions, the last begun first; their requests are those of ?session=.',
    needs: 'role',
    query: sessionsQuery,
    answers: z.object({ data: z.array(session), next }),
    handle: async (asked) => {
      const { limit, before, since, until, login } = asked.query as z.output<typeof sessionsQuery>
      const page = await store.ask('sessions', {
        ...loginOf(asked, login),
        ...(since !== undefined && { since: Date.parse(since) }),
        ...(until !== undefined && { until: Date.parse(until) }),
        ...(before !== undefined && { before: sessionCursor(before) }),
        limit,
      })
      return asked.c.json({
        data: page.rows.map(sessionRecord),
        next: page.next ? sessionMark(page.next) : null,
      })
    },
  }),
]

/** @throws Failure 403 when no grant lets them look for requests by it */
const headerOf = ({ permissions }: AdminRequest<unknown>, asked: string) => {
  const [name = '', ...rest] = asked.split(':')
  if (!permissions.filters(name)) {
    throw new Failure('not_allowed', `No grant of yours has "${name}" in filterable_headers.`)
  }
  return { name: name.toLowerCase(), ...(rest.length > 0 && { value: rest.join(':').trim() }) }
}

const requestCursor = (mark: string): RequestCursor => {
  const [, at, id] = /^(\d{1,15}),([\w-]{0,64})$/.exec(mark) ?? []
  if (at === undefined || id === undefined)
    throw refuse('query.before', 'is not a valid page cursor')
  return { startedAt: Number(at), id }
}

const sessionMark = ({ firstAt, login, sessionId }: SessionCursor): string =>
  [firstAt, encodeURIComponent(login), encodeURIComponent(sessionId)].join(',')

const sessionCursor = (mark: string): SessionCursor => {
  const [, at, login, sessionId] = /^(\d{1,15}),([^,]*),([^,]*)$/.exec(mark) ?? []
  try {
    if (at === undefined) throw new URIError()
    return {
      firstAt: Number(at),
      login: decodeURIComponent(login ?? ''),
      sessionId: decodeURIComponent(sessionId ?? ''),
    }
  } catch {
    throw refuse('query.before', 'is not a valid page cursor')
  }
}

/** The same under the names of the ledger's columns. */
export const requestRecord = (row: RequestSummary): RequestRecord => ({
  id: row.id,
  started_at: iso(row.startedAt),
  login: row.login,
  kind: row.kind,
  credential_id: row.credentialId,
  node: row.node,
  door: row.door,
  client_ip: row.clientIp,
  user_agent: row.userAgent,
  agent: row.agent,
  label: row.label,
  dialect: row.dialect,
  route: row.route,
  model: row.model,
  provider: row.provider,
  upstream_model: row.upstreamModel,
  status: row.status,
  outcome: row.outcome,
  input_tokens: row.inputTokens,
  output_tokens: row.outputTokens,
  cached_tokens: row.cachedTokens,
  reasoning_tokens: row.reasoningTokens,
  cache_write_tokens: row.cacheWriteTokens,
  tokens_source: row.tokensSource,
  tool_calls: row.toolCalls,
  web_searches: row.webSearches,
  images: row.images,
  audio_ms: row.audioMs,
  cost_nanousd: row.costNanousd,
  cost_basis: row.costBasis,
  bytes_in: row.bytesIn,
  bytes_out: row.bytesOut,
  first_byte_ms: row.firstByteMs,
  duration_ms: row.durationMs,
  overhead_us: row.overheadUs,
  session_id: row.sessionId,
  request_id: row.requestId,
  error_code: row.errorCode,
  alias: row.alias,
  attempts: row.attempts,
  translated: row.translated,
  queued_ms: row.queuedMs,
})

const sessionRecord = (row: SessionSummary): z.output<typeof session> => ({
  login: row.login,
  session_id: row.sessionId,
  first_at: iso(row.firstAt),
  last_at: iso(row.lastAt),
  requests: row.requests,
  failed: row.failed,
  input_tokens: row.inputTokens,
  output_tokens: row.outputTokens,
  cost_nanousd: row.costNanousd,
  unpriced: row.unpriced,
})
