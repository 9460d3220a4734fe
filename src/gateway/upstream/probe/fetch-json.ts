import type { Send } from '../../../platform/upstream.ts'
import { ask } from '../ask.ts'

const limits = { timeoutMs: 3_000, maxBytes: 262_144 }

/**
 * Fetches one small JSON document.
 * @throws when there is no 200, when it is not JSON, late or too large
 */
export const fetchJson =
  (send: Send) =>
  async ({ origin, pathname, search }: URL): Promise<unknown> => {
    const headers = [
      ['accept', 'application/json'],
      ['accept-encoding', 'identity'],
      ['user-agent', 'postern'],
    ] as const
    const request = { origin, path: pathname + search, method: 'GET', headers, body: null }
    const { status, body } = await ask(send, request, limits)
    if (status !== 200) throw new Error(`${origin}${pathname} answered ${status}`)
    return JSON.parse(body) as unknown
  }
