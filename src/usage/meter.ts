import type { Context, MiddlewareHandler } from 'hono'
import type { BodyWatch, Env, Meter, Target } from '../http/env.ts'
import type { Caller } from '../identity/caller.ts'
import type { Platform } from '../platform.ts'
import type { Candidate } from '../upstream/upstream.ts'
import { bodyUsage, eventUsage, frameUsage, type UsageReader } from './reader.ts'
import type { Outcome, TokensSource, UsageRow } from './row.ts'

export type MeterOptions = Pick<Platform, 'clock' | 'newId' | 'waitUntil' | 'log'> & {
  readonly store: Pick<Platform['store'], 'recordUsage'>
}

/**
 * Opens a ledger row for a request that has a caller and writes it when the request ends, whatever its end: refused,
 * answered, failed or left. The write is never waited for.
 */
export const meter = (options: MeterOptions): MiddlewareHandler<Env> =>
  async function meter(c, next) {
    const caller = c.get('auth').caller
    if (!caller) {
      await next()
      return
    }
    const record = new RequestMeter(c, caller, options)
    c.set('meter', record)
    await next()
    record.responded(c.res.status)
  }

/** Characters per token, for the estimate when an upstream is silent: the usual rule of thumb for English. */
const bytesPerToken = 4

const generatesText = new Set([
  'chat/completions',
  'completions',
  'responses',
  'codex/responses',
  'messages',
  'generateContent',
  'streamGenerateContent',
  'rawPredict',
  'streamRawPredict',
  'invoke',
  'invoke-with-response-stream',
  'converse',
  'converse-stream',
])

const readerFor = (contentType: string, target: Target | undefined): UsageReader => {
  if (contentType.startsWith('application/vnd.amazon.eventstream')) return frameUsage()
  if (!contentType.startsWith('text/event-stream')) return bodyUsage()
  const chat = target?.operation.dialect === 'openai_chat'
  return eventUsage(chat && target.stream && !target.usageAsked)
}

class RequestMeter implements Meter {
  readonly #options: MeterOptions
  readonly #caller: Caller
  readonly #base: Pick<
    UsageRow,
    'startedAt' | 'door' | 'clientIp' | 'userAgent' | 'label' | 'route' | 'requestId'
  >
  readonly #started: number
  #target: Target | undefined
  #candidate: Candidate | undefined
  #reader: UsageReader | undefined
  #status = 0
  #sentAt: number | null = null
  #firstByteAt: number | null = null
  #bytesOut = 0
  #written = false

  constructor(c: Context<Env>, caller: Caller, options: MeterOptions) {
    this.#options = options
    this.#caller = caller
    this.#started = c.get('startedAt')
    this.#base = {
      startedAt: Math.round(options.clock.now() - (options.clock.elapsed() - this.#started)),
      door: c.get('client').door,
      clientIp: c.get('client').ip,
      userAgent: (c.req.header('user-agent') ?? '').slice(0, 256),
      label: c.req.header('x-postern-label')?.slice(0, 64) ?? null,
      route: c.req.path,
      requestId: c.get('requestId'),
    }
  }

  asked(target: Target): void {
    this.#target = target
  }

  sending(): void {
    this.#sentAt = this.#options.clock.elapsed()
  }

  answered(candidate: Candidate, status: number, contentType: string): BodyWatch {
    this.#candidate = candidate
    this.#status = status
    this.#firstByteAt = this.#options.clock.elapsed()
    const target = this.#target
    const reader = readerFor(contentType, target)
    this.#reader = reader
    return {
      push: (chunk) => this.#passed(reader.push(chunk)),
      flush: () => this.#passed(reader.flush()),
      done: (outcome) => this.#write(outcome),
    }
  }

  /** The answer's head is out. Without a body from upstream, or with an error in its place, that was all. */
  responded(status: number): void {
    if (this.#reader && this.#status === status) return
    this.#status = status
    this.#write(outcomeOf(status))
  }

  #passed(bytes: Uint8Array | null): Uint8Array | null {
    this.#bytesOut += bytes?.length ?? 0
    return bytes
  }

  #write(outcome: Outcome): void {
    if (this.#written) return
    this.#written = true
    const { store, waitUntil, log } = this.#options
    const row = this.#row(outcome)
    waitUntil(
      store.recordUsage(row).catch((error: unknown) => {
        log('error', 'ledger.lost', { rid: row.requestId, reason: String(error) })
      }),
    )
  }

  #row(outcome: Outcome): UsageRow {
    const { clock, newId } = this.#options
    const now = clock.elapsed()
    return {
      id: newId(),
      ...this.#base,
      login: this.#caller.login,
      kind: this.#caller.kind,
      credentialId: this.#caller.credentialId,
      node: this.#caller.node ?? null,
      dialect: this.#target?.operation.dialect ?? 'none',
      model: this.#target?.model ?? null,
      provider: this.#candidate?.provider.id ?? null,
      upstreamModel: this.#candidate?.model ?? null,
      status: this.#status,
      outcome,
      ...this.#tokens(outcome),
      costNanousd: null,
      bytesIn: this.#target?.size ?? 0,
      bytesOut: this.#bytesOut,
      firstByteMs:
        this.#firstByteAt === null ? null : Math.round(this.#firstByteAt - this.#started),
      durationMs: Math.round(now - this.#started),
      overheadUs: Math.round(((this.#sentAt ?? now) - this.#started) * 1000),
      sessionId: null,
    }
  }

  /** What the upstream counted; else, when it worked for the client, an estimate marked as one; else nothing. */
  #tokens(outcome: Outcome): Tokens {
    const counts = this.#reader?.counts
    if (counts) {
      const output = Math.max(counts.output, outcome === 'ok' ? 0 : (this.#reader?.pieces ?? 0))
      return tokens('reported', counts.input, output, counts.cached, counts.reasoning)
    }
    const worked = this.#sentAt !== null && outcome !== 'rejected' && this.#status < 500
    if (!worked || !this.#target || (this.#reader && this.#status >= 400)) return tokens('none')
    // The size of a picture, a recording or a vector says nothing about tokens.
    if (!generatesText.has(this.#target.operation.operation)) return tokens('none')
    const pieces = this.#reader?.pieces ?? 0
    const output = pieces > 0 ? pieces : Math.ceil(this.#bytesOut / bytesPerToken)
    return tokens('estimated', Math.ceil(this.#target.size / bytesPerToken), output)
  }
}

type Tokens = Pick<
  UsageRow,
  'inputTokens' | 'outputTokens' | 'cachedTokens' | 'reasoningTokens' | 'tokensSource'
>

const tokens = (
  tokensSource: TokensSource,
  inputTokens = 0,
  outputTokens = 0,
  cachedTokens = 0,
  reasoningTokens = 0,
): Tokens => ({ tokensSource, inputTokens, outputTokens, cachedTokens, reasoningTokens })

/** 499: the client left before an answer; 5xx from here on: an upstream's fault, or no room at one. */
const outcomeOf = (status: number): Outcome => {
  if (status === 499) return 'client_gone'
  if (status < 400) return 'ok'
  return status < 500 ? 'rejected' : 'upstream_error'
}
