import type { Send, UpstreamRequest } from '../../platform/upstream.ts'

export interface AskLimits {
  /** ms for the whole answer. */
  readonly timeoutMs: number
  /** Bytes of the answer. */
  readonly maxBytes: number
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/**
 * A whole small answer, for the gateway's own questions to a provider.
 * @throws UpstreamError from the transport; Error when the answer is late or too long
 */
export function ask(send: Send, request: UpstreamRequest, limits: AskLimits): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder()
    let status = 0
    let body = ''
    let left = limits.maxBytes
    const giveUp = (message: string) => {
      call?.abort()
      clearTimeout(timer)
      reject(new Error(message))
    }
    const timer = setTimeout(
      () => giveUp(`no answer within ${limits.timeoutMs} ms`),
      limits.timeoutMs,
    )
    const call = send(request, {
      head: (code) => {
        status = code
      },
      data: (chunk) => {
        left -= chunk.byteLength
        if (left < 0) giveUp(`answer above ${limits.maxBytes} bytes`)
        else body += decoder.decode(chunk, { stream: true })
      },
      end: () => {
        clearTimeout(timer)
        resolve({ status, body })
      },
      error: (error) => {
        clearTimeout(timer)
        reject(error)
      },
    })
  })
}

/** The JSON of a 200, or undefined for everything else: another status, HTML, no answer. */
export async function askJson(
  send: Send,
  request: UpstreamRequest,
  limits: AskLimits,
): Promise<unknown> {
  try {
    const { status, body } = await ask(send, request, limits)
    return status === 200 ? (JSON.parse(body) as unknown) : undefined
  } catch {
    return undefined
  }
}
