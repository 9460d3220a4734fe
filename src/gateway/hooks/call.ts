import type { HookConfig } from '../../config/config.ts'
import { concat } from '../../platform/bytes.ts'
import type { Platform } from '../../platform/platform.ts'
import type { HeaderList } from '../../platform/upstream.ts'
import { type Send, UpstreamError } from '../../platform/upstream.ts'

export interface CallerOptions extends Pick<Platform, 'send' | 'clock'> {
  /** A key as the header that carries it; nothing where there is none. */
  readonly keyHeader: (key: Pick<HookConfig, 'authorization' | 'apikey'>) => HeaderList
}

export interface HookCall {
  readonly hook: HookConfig
  /** One or more, with commas between them. */
  readonly events: string
  /** The same for every attempt, so that a receiver can tell a repeated call. */
  readonly delivery: string
  readonly body: Uint8Array
  readonly headers?: HeaderList
  readonly signal?: AbortSignal
  /** Bytes of the answer; absent: nobody reads it. */
  readonly maxAnswer?: number
}

export interface HookAnswer {
  readonly status: number
  readonly body: string
}

export type CallHook = (call: HookCall) => Promise<HookAnswer>

/** Why there is no answer. The message is for the log: a reason, never an address. */
export class HookError extends Error {
  override readonly name = 'HookError'
}

/** The client left while its guard was being asked. Nobody will read an answer. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}

/**
 * Calls hooks: signed, within the hook's time, following no redirect. What was lost on a connection before an answer is
 * sent once more, because the other side may have closed an idle one just then.
 * Rejects with HookError, or ClientLeft.
 */
export const createCaller =
  ({ send, clock, keyHeader }: CallerOptions): CallHook =>
  async (call) => {
    const { hook } = call
    const { origin, pathname, search } = new URL(hook.url)
    const deadline = clock.elapsed() + hook.timeout
    const timestamp = Math.floor(clock.now() / 1000)
    const request = {
      origin,
      path: pathname + search,
      method: 'POST',
      headers: [
        ['content-type', 'application/json'],
        ['accept', 'application/json'],
        ['accept-encoding', 'identity'],
        ['user-agent', 'postern'],
        ['x-postern-hook', encodeURIComponent(hook.name)],
        ['x-postern-event', call.events],
        ['x-postern-delivery', call.delivery],
        ...(call.headers ?? []),
        ...(await signature(hook.secret, timestamp, call.body)),
        ...keyHeader(hook),
      ] as const,
      body: call.body,
    }
    const attempt = (): Promise<HookAnswer> => {
      const left = hook.timeout === 0 ? undefined : Math.max(0, deadline - clock.elapsed())
      return exchange(send, request, { ...call, left })
    }
    try {
      return await attempt().catch((error: unknown) => {
        if (error instanceof UpstreamError) return attempt()
        throw error
      })
    } catch (error) {
      throw error instanceof UpstreamError ? new HookError(error.kind) : error
    }
  }

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** HMAC-SHA-256 over the time, a dot and the body; docs/hooks.md tells receivers how to check it. */
async function signature(
  secret: string | undefined,
  timestamp: number,
  body: Uint8Array,
): Promise<HeaderList> {
  if (secret === undefined) return []
  const encoder = new TextEncoder()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, [
    'sign',
  ])
  const prefix = encoder.encode(`${timestamp}.`)
  const signed = new Uint8Array(prefix.length + body.length)
  signed.set(prefix)
  signed.set(body, prefix.length)
  const digest = hex(await crypto.subtle.sign('HMAC', key, signed))
  return [['x-postern-signature', `t=${timestamp},v1=${digest}`]]
}

interface ExchangeBounds {
  /** ms; undefined: no limit. */
  readonly left: number | undefined
  readonly signal?: AbortSignal
  readonly maxAnswer?: number
}

const decode = (chunks: readonly Uint8Array[]): string => {
  const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  return new TextDecoder().decode(concat(chunks, size))
}

function exchange(
  send: Send,
  request: Parameters<Send>[0],
  { left, signal, maxAnswer }: ExchangeBounds,
): Promise<HookAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let status = 0
    let size = 0
    let over = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const finish = (settle: () => void): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
      settle()
    }
    const giveUp = (error: Error): void => {
      finish(() => reject(error))
      call?.abort()
    }
    const leave = (): void => giveUp(new ClientLeft())
    if (signal?.aborted) {
      reject(new ClientLeft())
      return
    }
    signal?.addEventListener('abort', leave)
    if (left !== undefined) timer = setTimeout(() => giveUp(new HookError('timeout')), left)
    const call = send(request, {
      head: (code) => {
        status = code
      },
      data: (chunk) => {
        size += chunk.byteLength
        if (maxAnswer === undefined) return
        if (size > maxAnswer) giveUp(new HookError('answer_too_large'))
        else chunks.push(chunk)
      },
      end: () => finish(() => resolve({ status, body: decode(chunks) })),
      error: (error) => finish(() => reject(error)),
    })
    if (over) call.abort()
  })
}
