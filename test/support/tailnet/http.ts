import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** One header line each, in order, spelled as it goes over the wire. */
export type HeaderLines = readonly (readonly [string, string])[]

export interface Ask {
  readonly method?: string
  /** Default `/`. */
  readonly path?: string
  /** Nothing is added to it but `Connection` and, with a body, the length. Default: `Host: localhost`. */
  readonly headers?: HeaderLines
  readonly body?: string
}

export interface Answer {
  readonly status: number
  readonly headers: HeaderLines
  readonly body: string
}

const answerWithinMs = 10_000

/** Pairs up the flat list of Node. */
export const linesOf = (raw: readonly string[]): HeaderLines =>
  raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []))

/** The value of a header, whatever its spelling; undefined when it is not there. Throws when it is there twice. */
export const headerOf = (headers: HeaderLines, name: string): string | undefined => {
  const found = headers.filter(([given]) => given.toLowerCase() === name.toLowerCase())
  if (found.length > 1) throw new Error(`${name} is there ${found.length} times`)
  return found[0]?.[1]
}

/** Sends one request over `connection` and reads the answer. Rejects after ten seconds. */
export const askOver = async (connection: Duplex, ask: Ask): Promise<Answer> => {
  const { method = 'GET', path = '/', headers = [['Host', 'localhost']], body } = ask
  const length = body === undefined ? [] : [['Content-Length', String(Buffer.byteLength(body))]]
  const outgoing = request({
    createConnection: () => connection as Socket,
    method,
    path,
    headers: [...headers, ...length].flat(),
    setHost: false,
    signal: AbortSignal.timeout(answerWithinMs),
  })
  outgoing.end(body)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const answer = await readAnswer(incoming)
  connection.destroy()
  return answer
}

const readAnswer = async (incoming: IncomingMessage): Promise<Answer> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return {
    status: incoming.statusCode ?? 0,
    headers: linesOf(incoming.rawHeaders),
    body: Buffer.concat(chunks).toString(),
  }
}
