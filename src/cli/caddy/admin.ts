import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Config } from 'caddy-json-config-types'
import { type Address, dialAddress } from '../../../caddy/options.ts'
import { inPlainWords } from './reason.ts'

/** Loading waits for the new servers to listen, not for certificates. */
const loadTimeout = 60_000

/**
 * Makes a running Caddy use `config`, through its admin API. Streams run on under the old one. On any fault Caddy
 * keeps the old one, and this rejects with a message for people.
 */
export const loadIntoCaddy = async (admin: Address, config: Config): Promise<void> => {
  const { status, body } = await post(admin, '/load', JSON.stringify(config)).catch((error) => {
    throw new Error(unreachable(admin, error as NodeJS.ErrnoException), { cause: error })
  })
  if (status !== 200)
    throw new Error(`Caddy refused the configuration: ${inPlainWords(reason(body))}`)
}

/**
 * Not `fetch`: it sends `Sec-Fetch-Mode`, which Caddy takes for a web page and answers with 403 since 2.11, and it
 * knows no sockets.
 */
const post = (admin: Address, path: string, body: string) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const to =
      admin.kind === 'unix'
        ? { socketPath: admin.path, headers: { Host: 'localhost' } }
        : { host: admin.host, port: admin.port, headers: {} }
    const headers = {
      ...to.headers,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    }
    const signal = AbortSignal.timeout(loadTimeout)
    const sent = request({ ...to, method: 'POST', path, headers, signal, agent: false }, (got) => {
      text(got).then((body) => resolve({ status: got.statusCode ?? 0, body }), reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })

const unreachable = (admin: Address, { code, message }: NodeJS.ErrnoException): string => {
  const where = `Caddy's admin API at ${dialAddress(admin)}`
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    return `Nothing answers as ${where}. Is Caddy running? --admin names another address.`
  }
  if (code === 'EACCES') return `${where} may not be opened by this user.`
  if (code === 'ABORT_ERR') return `${where} did not answer within ${loadTimeout / 1000} s.`
  return `${where} broke off: ${message}`
}

/** Caddy answers `{"error": "…"}`; something else on that port may answer anything. */
const reason = (body: string): string => {
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    return typeof error === 'string' ? error : body.slice(0, 500)
  } catch {
    return body.slice(0, 500)
  }
}
