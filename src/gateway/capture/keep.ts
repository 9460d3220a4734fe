import type { Context, MiddlewareHandler } from 'hono'
import type { CaptureConfig, Config } from '../../config/config.ts'
import type { AnswerKind } from '../../platform/answer.ts'
import { concat } from '../../platform/bytes.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Capture, Kind } from '../../platform/records/captured.ts'
import type { Candidate } from '../../platform/upstream.ts'
import { pass } from '../http/check.ts'
import type { BodyWatch, Env, Tap } from '../http/env.ts'
import { pack } from './pack.ts'

/** An answer as it came, and the same understood. */
type ReadAnswer = (answer: Omit<Answer, 'whole'>) => {
  readonly body: unknown
  readonly toolCalls: readonly unknown[]
}

export interface KeepOptions extends Pick<Platform, 'clock' | 'log' | 'store' | 'waitUntil'> {
  readonly config: Pick<Config, 'retention'>
  readonly read: ReadAnswer
  /** Without secrets and personal data. Rejects when it cannot tell. */
  readonly redact: (body: unknown) => Promise<unknown>
}

/** Bytes of one answer as it streams by: some fifty for each that is text. */
const longest = 4 * 1024 * 1024
/** Of all answers under way. */
const most = 64 * 1024 * 1024

/**
 * Keeps what was asked and answered, where a grant of the caller's says so and the configuration says for how long;
 * nothing otherwise. It is written when the answer is out, and nobody waits for it.
 */
export const keepCaptures = (options: KeepOptions): MiddlewareHandler<Env> => {
  const { retention } = options.config
  const { store, log, waitUntil } = options
  store.keepCaptures(retention)
  const memory: Memory = { left: most }
  if (retention.duration === 0) return pass
  return async function keepCaptures(c, next) {
    const [first] = c.get('candidates')
    const wanted = c.get('candidates').some((candidate) => wantedOf(c, candidate))
    if (!first || !wanted) return next()
    for (const target of [c.get('target'), c.get('guarded')]) target?.keep()
    let begun = false
    const finish = (use: CaptureConfig, answer?: Answer): void => {
      const rid = c.get('requestId')
      // By its name only: a message may repeat what could not be kept.
      const lost = (error: unknown) =>
        log('warn', 'capture.lost', {
          rid,
          reason: error instanceof Error ? error.name : 'unknown',
        })
      waitUntil(keep(c, use, answer, options).catch(lost))
    }
    const before = c.get('tap')
    const tap: Tap = (candidate, head, watch) => {
      begun = true
      const others = before?.(candidate, head, watch) ?? watch
      const use = wantedOf(c, candidate)
      return use ? watched(head, others, use, memory, (answer) => finish(use, answer)) : others
    }
    c.set('tap', tap)
    await next()
    const use = wantedOf(c, first)
    if (!begun && use) finish(use)
  }
}

interface Memory {
  left: number
}

interface Answer {
  readonly kind: AnswerKind | undefined
  readonly contentType: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly whole: boolean
}

/** What the entries ask for together; redacted as soon as one of them says so. */
const wantedOf = (c: Context<Env>, { provider, model }: Candidate): CaptureConfig | undefined => {
  const entries = c.get('permissions').entriesFor(provider.id, model)
  const [first, ...rest] = entries.flatMap(({ capture }) => (capture ? [capture] : []))
  return first && rest.reduce(both, first)
}

const both = (a: CaptureConfig, b: CaptureConfig): CaptureConfig => ({
  bodies: [...new Set([...a.bodies, ...b.bodies])],
  max: Math.max(a.max, b.max),
  redact: a.redact || b.redact,
})

/** Keeps what passes, within bounds, and changes nothing of it. */
const watched = (
  { headers, reading }: Parameters<Tap>[1],
  watch: BodyWatch,
  { bodies }: CaptureConfig,
  memory: Memory,
  finish: (answer?: Answer) => void,
): BodyWatch => {
  const header = (wanted: string): string =>
    headers.find(([name]) => name === wanted)?.[1]?.toLowerCase() ?? ''
  if (!bodies.some((kind) => kind !== 'request')) {
    return {
      ...watch,
      done: (outcome, errorCode) => {
        watch.done(outcome, errorCode)
        finish()
      },
    }
  }
  const kept = new KeptBytes(memory)
  return {
    ...watch,
    push: (chunk) => {
      // Of sound and pictures nothing could be shown.
      if (reading?.kind === 'opaque') kept.giveUp()
      else kept.push(chunk)
      return watch.push(chunk)
    },
    done: (outcome, errorCode) => {
      watch.done(outcome, errorCode)
      const bytes = kept.take()
      if (reading?.kind === 'opaque') {
        finish()
        return
      }
      // What ends in an error that the provider reported is all there.
      const whole = kept.whole && (outcome === 'ok' || reading?.errorCode !== undefined)
      finish({
        kind: reading?.kind,
        contentType: header('content-type'),
        bytes,
        whole,
      })
    },
  }
}

/** Bytes of one answer, within the bounds of one and of all. */
class KeptBytes {
  readonly #memory: Memory
  #chunks: Uint8Array[] = []
  #size = 0
  whole = true

  constructor(memory: Memory) {
    this.#memory = memory
  }

  push(chunk: Uint8Array): void {
    this.whole &&= this.#size + chunk.length <= longest && chunk.length <= this.#memory.left
    if (!this.whole) return
    // A copy: a view would keep the transport's whole buffer.
    this.#chunks.push(chunk.slice())
    this.#size += chunk.length
    this.#memory.left -= chunk.length
  }

  giveUp(): void {
    this.whole = false
    this.take()
  }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(concat(this.#chunks, this.#size))
    this.#memory.left += this.#size
    this.#chunks = []
    this.#size = 0
    return bytes
  }
}

/** Rejects when the database does not take it, or when what is to be redacted cannot be. */
const understood = (read: ReadAnswer, answer: Answer): ReturnType<ReadAnswer> | undefined => {
  try {
    return read(answer)
  } catch {
    return undefined
  }
}

const keep = async (
  c: Context<Env>,
  use: CaptureConfig,
  answer: Answer | undefined,
  options: KeepOptions,
): Promise<void> => {
  const { clock, redact, read, store } = options
  const packed = async (kind: Kind, body: unknown, whole: boolean): Promise<string | null> => {
    if (!use.bodies.includes(kind) || body === undefined || body === null) return null
    return pack(use.redact ? await redact(body) : body, use.max, whole)
  }
  const target = c.get('guarded') ?? c.get('target')
  // Of an answer that makes no sense the request is kept all the same.
  const said = answer && understood(read, answer)
  const whole = answer?.whole ?? false
  const capture: Omit<Capture, 'id'> = {
    at: clock.now(),
    request: await packed('request', target.body?.json, true),
    response: await packed('response', said?.body, whole),
    tools: await packed('tools', said?.toolCalls.length ? said.toolCalls : undefined, whole),
  }
  if (capture.request === null && capture.response === null && capture.tools === null) return
  const { id } = await c.get('meter').line
  await store.saveCapture({ id, ...capture })
}
