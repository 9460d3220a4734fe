import { type IncomingMessage, request } from 'node:http'
import {
  type LocalApi,
  type LocalApiAnswer,
  type LocalApiRequest,
  NoTailscaled,
} from '../../../platform/platform.ts'
import { type Daemon, daemonsOfThisSystem } from './tailscaled.ts'

export interface LocalApiOptions {
  /** The socket that the configuration names; undefined: where this system has it. Asked for each request. */
  readonly socket: () => string | undefined
  /** Where tailscaled may be, the likeliest first. */
  readonly daemons?: () => Promise<readonly Daemon[]>
}

const LARGEST = 1024 * 1024

/**
 * Asks tailscaled over its socket. A connection for each question: a daemon that was restarted has another socket under
 * the same path, and nothing is kept that could lead to the old one.
 */
export const createLocalApi =
  ({ socket, daemons = daemonsOfThisSystem }: LocalApiOptions): LocalApi =>
  async (asked) => {
    asked.signal.throwIfAborted()
    const named = socket()
    const candidates = named === undefined ? await daemons() : [{ socketPath: named }]
    const failures: unknown[] = []
    for (const daemon of candidates) {
      try {
        return await ask(daemon, asked)
      } catch (error) {
        if (asked.signal.aborted) throw asked.signal.reason
        if (!nobodyThere(error)) throw error
        failures.push(error)
      }
    }
    const [cause] = failures
    const reason = 'this system has no place for the socket of tailscaled'
    throw new NoTailscaled(cause instanceof Error ? cause.message : reason, { cause })
  }

/** Nothing was sent, so the next place may be tried. */
const nobodyThere = (error: unknown): boolean =>
  ['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** No Origin or Referer, and no other Host: tailscaled takes those for a web page's doing, and answers 403. */
const ask = (daemon: Daemon, asked: LocalApiRequest): Promise<LocalApiAnswer> =>
  new Promise((resolve, reject) => {
    const { path, method = 'GET', ifMatch, body, signal } = asked
    const { token, ...where } = daemon
    const outgoing = request({
      ...where,
      path,
      method,
      signal,
      agent: false,
      headers: {
        host: 'local-tailscaled.sock',
        ...(token !== undefined && { authorization: basic(token) }),
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      },
    })
    outgoing.once('error', reject)
    outgoing.once('response', (incoming) => read(incoming).then(resolve, reject))
    outgoing.end(body)
  })

/** The app of macOS wants an empty user name, and the token for a password. */
const basic = (token: string): string => `Basic ${Buffer.from(`:${token}`).toString('base64')}`

const read = async (incoming: IncomingMessage): Promise<LocalApiAnswer> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST) throw new Error('tailscaled answered with more than a megabyte')
    chunks.push(chunk)
  }
  const { etag } = incoming.headers
  const status = incoming.statusCode ?? 0
  return { status, etag: etag ?? null, body: Buffer.concat(chunks).toString('utf8') }
}
