import type { Context, MiddlewareHandler } from 'hono'
import type { Reading } from '../../platform/answer.ts'
import type { Caller } from '../../platform/caller.ts'
import type { Platform } from '../../platform/platform.ts'
import type { UsageRow } from '../../platform/records/usage.ts'
import type { Attempt, Candidate, HeaderList } from '../../platform/upstream.ts'
import { readingOf } from '../answer/reading.ts'
import type { Operation } from '../dialect/operations.ts'
import { servingOf } from '../dialect/serving.ts'
import { sessionOf } from '../dialect/session.ts'
import { headerUsage, type TokenCounts } from '../dialect/usage.ts'
import { beginningsOf, taskOf } from '../dialect/webui-task.ts'
import {
  ANY_MODEL,
  type AnswerHead,
  type AnswerOutcome,
  type BodyWatch,
  type Env,
  type Meter,
  type Target,
} from '../http/env.ts'
import { longestAnswer } from '../tokens/answer.ts'
import { type Prompt, promptOf } from '../tokens/prompt.ts'
import { type Charge, chargeFor, unknownCharge } from './charge.ts'
import { type Ending, endingOfAnswer, endingOfOurs } from './ending.ts'
import { type FilterableHeader, indexedHeaders } from './indexed-headers.ts'
import { readerFor, type UsageReader } from './reader.ts'
import { usedBy } from './used.ts'

export type MeterOptions = Pick<Platform, 'clock' | 'newId' | 'waitUntil' | 'log'> & {
  readonly store: Pick<Platform['store'], 'recordUsage'>
  /** Whose value labels a request, lower-case. */
  readonly labelHeader: string
  readonly filterableHeaders: readonly FilterableHeader[]
  /** What a provider calls a model of this name; null: none has it. */
  readonly named: (model: string, operation: Operation) => string | null
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
    record.responded(c.res.status, c.error)
  }

const maxLabel = 64

class RequestMeter implements Meter {
  readonly #options: MeterOptions
  readonly #caller: Caller
  readonly #headers: Headers
  readonly #base: Pick<
    UsageRow,
    'startedAt' | 'door' | 'clientIp' | 'userAgent' | 'route' | 'requestId'
  >
  readonly #started: number
  sessionId: string | null = null
  label: string | null
  #line: UsageRow | Promise<UsageRow> | undefined
  #awaited: PromiseWithResolvers<UsageRow> | undefined
  #target: Target | undefined
  #files: Target['files'] = []
  #candidate: Candidate | undefined
  #reader: UsageReader | undefined
  #reading: Reading | undefined
  #isAnswered = false
  #status = 0
  #sentAt: number | null = null
  #queuedMs: number | null = null
  #attempts: { readonly provider: string; readonly result?: Attempt }[] = []
  #firstByteAt: number | null = null
  /** What the answer's head told. */
  #counted: TokenCounts | undefined
  #told: HeaderList = []
  /** Usage is not estimated, and what the answer reports counts or does not. */
  #reportedOnly: 'counts' | 'ignored' | undefined
  #bytesOut = 0
  #written = false

  constructor(c: Context<Env>, caller: Caller, options: MeterOptions) {
    this.#options = options
    this.#caller = caller
    this.#headers = c.req.raw.headers
    this.#started = c.get('startedAt')
    this.#base = {
      startedAt: Math.round(options.clock.now() - (options.clock.elapsed() - this.#started)),
      door: c.get('client').door,
      clientIp: c.get('client').ip,
      userAgent: (c.req.header('user-agent') ?? '').slice(0, 256),
      route: c.req.path,
      requestId: c.get('requestId'),
    }
    this.label = c.req.header(options.labelHeader)?.slice(0, maxLabel) || null
  }

  asked(target: Target): void {
    this.#target = target
    // The body may be let go before anybody asks what its files come to.
    this.#files = target.files
    const body = target.body?.read
    const beginnings = beginningsOf(body)
    const told = sessionOf({
      header: (name) => this.#headers.get(name),
      body,
      beginnings,
      login: this.#caller.login,
    })
    this.label ??= taskOf(target, beginnings) ?? null
    // What belongs to no conversation is one of its own.
    this.sessionId = told ?? this.#options.newId()
  }

  chargeReportedOnly(counts: boolean): void {
    this.#reportedOnly = counts ? 'counts' : 'ignored'
  }

  get line(): Promise<UsageRow> {
    if (this.#line !== undefined) return Promise.resolve(this.#line)
    this.#awaited ??= Promise.withResolvers()
    return this.#awaited.promise
  }

  queued(ms: number): void {
    this.#queuedMs = (this.#queuedMs ?? 0) + Math.round(ms)
  }

  missed(why: Attempt): void {
    const last = this.#attempts.pop()
    if (last) this.#attempts.push({ ...last, result: why })
  }

  sending(candidate: Candidate): void {
    this.#candidate = candidate
    const { id: provider } = candidate.provider
    const last = this.#attempts.at(-1)
    // The same one may be asked twice, the second time without a field that it refused.
    if (last?.provider !== provider || last.result) this.#attempts.push({ provider })
    this.#sentAt = this.#options.clock.elapsed()
  }

  answered(candidate: Candidate, head: AnswerHead): BodyWatch {
    const { status, headers } = head
    this.#candidate = candidate
    this.#status = status
    this.#isAnswered = true
    this.#counted = headerUsage(headers)
    this.#told = headers
    this.#firstByteAt = this.#options.clock.elapsed()
    const reading = head.reading ?? readingOf(head, this.#target)
    this.#reading = reading
    return {
      // Before the kind is known nothing but blanks passes.
      push: (chunk) =>
        this.#passed(reading.kind === undefined ? chunk : this.#readerOf(reading).push(chunk)),
      flush: () => this.#passed(this.#reader?.flush() ?? null),
      done: (outcome, code) => this.#over(outcome, code ?? reading.errorCode),
    }
  }

  #over(outcome: AnswerOutcome, code: string | undefined): void {
    this.#write(endingOfAnswer(outcome, this.#status, code))
  }

  #readerOf(reading: Reading): UsageReader {
    this.#reader ??= readerFor(reading, this.#target)
    return this.#reader
  }

  /** The answer's head is out. Without a body from upstream, or with an error in its place, that was all. */
  responded(status: number, error: Error | undefined): void {
    if (this.#isAnswered && this.#status === status) return
    this.#status = status
    this.#write(endingOfOurs(status, error, this.#sentAt !== null))
  }

  #passed(bytes: Uint8Array | null): Uint8Array | null {
    this.#bytesOut += bytes?.length ?? 0
    return bytes
  }

  #write(ending: Ending): void {
    if (this.#written) return
    this.#written = true
    this.#target?.release()
    const { store, waitUntil, log } = this.#options
    const lost = (error: unknown) =>
      log('error', 'ledger.lost', { rid: this.#base.requestId, reason: String(error) })
    const row = this.#row(ending)
    this.#line = row
    this.#awaited?.resolve(row)
    waitUntil(
      row instanceof Promise
        ? row.then((priced) => store.recordUsage(priced)).catch(lost)
        : store.recordUsage(row).catch(lost),
    )
  }

  #prompt(): Prompt {
    const [target, candidate] = [this.#target, this.#candidate]
    if (!target || !candidate) return { input: 0, imageInput: 0, audioInput: 0, audioMs: 0 }
    const { size, operation } = target
    return promptOf({ size, files: this.#files, operation: operation.operation }, candidate).likely
  }

  #longest(): number {
    return this.#target && this.#candidate ? longestAnswer(this.#target, this.#candidate) : 0
  }

  #upstreamModel(): string | null {
    const model = this.#candidate?.model
    if (model === undefined) return this.#named()
    return model === ANY_MODEL ? null : model
  }

  /** Of a request that no provider was asked for: what the model's provider calls it, so that it counts as one model. */
  #named(): string | null {
    const target = this.#target
    return target?.model === undefined ? null : this.#options.named(target.model, target.operation)
  }

  /** A promise only where a price list has to be read first. */
  #row({ outcome, errorCode }: Ending): UsageRow | Promise<UsageRow> {
    const { clock, newId, log, filterableHeaders } = this.#options
    const now = clock.elapsed()
    const answer = this.#reader?.tally
    const used = usedBy({
      operation: this.#target?.operation.operation,
      model: this.#candidate?.model,
      counts: this.#reportedOnly === 'ignored' ? undefined : (answer?.counts ?? this.#counted),
      written: answer?.written,
      failed: this.#reading?.errorCode !== undefined,
      prompt: () => this.#prompt(),
      longest: () => this.#longest(),
      bytesOut: this.#bytesOut,
      outcome,
      sent: this.#sentAt !== null && this.#reportedOnly === undefined,
      answered: this.#isAnswered,
      status: this.#status,
    })
    const headers = indexedHeaders(filterableHeaders, this.#headers, this.#told)
    const row = {
      id: newId(),
      ...this.#base,
      label: this.label,
      login: this.#caller.login,
      kind: this.#caller.kind,
      credentialId: this.#caller.credentialId,
      node: this.#caller.node ?? null,
      dialect: this.#target?.operation.dialect ?? 'none',
      model: this.#target?.model ?? null,
      provider: this.#candidate?.provider.id ?? null,
      upstreamModel: this.#upstreamModel(),
      status: this.#status,
      outcome,
      errorCode,
      ...used.row,
      toolCalls: answer?.toolCalls ?? 0,
      bytesIn: this.#target?.size ?? 0,
      bytesOut: this.#bytesOut,
      firstByteMs:
        this.#firstByteAt === null ? null : Math.round(this.#firstByteAt - this.#started),
      durationMs: Math.round(now - this.#started),
      overheadUs: Math.round(((this.#sentAt ?? now) - this.#started) * 1000),
      sessionId: this.sessionId,
      alias: null,
      attempts: this.#attempts.length > 1 ? JSON.stringify(this.#attempts) : null,
      translated: null,
      queuedMs: this.#queuedMs,
      ...(headers.length > 0 && { headers }),
    }
    const serving = { ...this.#target?.pricingHints, ...servingOf(this.#told), ...answer?.serving }
    const when = { at: row.startedAt, ms: now - (this.#sentAt ?? now) }
    const charged = chargeFor(this.#candidate, used, when, serving)
    const unread = (error: unknown): Charge => {
      log('error', 'prices.unread', { reason: String(error) })
      return unknownCharge
    }
    const withCharge = (charge: Charge): UsageRow => ({ ...row, ...charge })
    return charged instanceof Promise ? charged.catch(unread).then(withCharge) : withCharge(charged)
  }
}
