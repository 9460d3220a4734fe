import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type HranaRequest, HranaStream, ProtocolError, StatementError } from './hrana-stream.ts'

export interface LibsqlServer {
  /** `http://127.0.0.1:port`, for `createClient` and for `database.url`. */
  readonly url: string
  /** The database file, for looking at it from the side. */
  readonly path: string
  /** Streams that hold a connection because their client has not closed them. */
  openStreams(): number
  close(): Promise<void>
}

export interface LibsqlServerOptions {
  /** Without it everybody is let in, as sqld does without a key. */
  readonly authToken?: string
}

interface Pipeline {
  baton?: string | null
  requests: HranaRequest[]
}

/**
 * A libSQL server for tests: Hrana over HTTP, versions 2 and 3, JSON, on the native `libsql` package and a database
 * file of its own. No registry has the real one; docs/decisions/011-libsql-test-server.md says what was looked at.
 * Not there: cursors, protobuf, replication, stream expiry, and sqld's queue for write transactions: a second writer
 * is told SQLITE_BUSY at once.
 */
export const startLibsqlServer = async (
  options: LibsqlServerOptions = {},
): Promise<LibsqlServer> => {
  const directory = await mkdtemp(join(tmpdir(), 'postern-libsql-'))
  const path = join(directory, 'data.db')
  const streams = new Map<string, HranaStream>()
  const server = createServer((request, response) => {
    answer(request, response, { path, streams, authToken: options.authToken }).catch((error) => {
      if (error instanceof ProtocolError) send(response, 400, error.message)
      else send(response, 500, String(error))
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    path,
    openStreams: () => streams.size,
    close: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      for (const stream of streams.values()) stream.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

interface Context {
  readonly path: string
  readonly streams: Map<string, HranaStream>
  readonly authToken: string | undefined
}

const answer = async (
  request: IncomingMessage,
  response: ServerResponse,
  context: Context,
): Promise<void> => {
  const { authToken } = context
  if (authToken !== undefined && request.headers.authorization !== `Bearer ${authToken}`) {
    send(response, 401, { error: 'Unauthorized: The JWT is invalid' })
    return
  }
  const version = /^\/v([23])(\/pipeline)?$/.exec(request.url ?? '')
  if (request.method === 'GET' && version && !version[2]) send(response, 200, 'Hello')
  else if (request.method === 'POST' && version?.[2]) {
    send(response, 200, pipeline(await read(request), Number(version[1]), context))
  } else send(response, 404, '')
}

const read = async (request: IncomingMessage): Promise<Pipeline> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as Pipeline
  } catch (error) {
    throw new ProtocolError(`Could not deserialize JSON request body: ${String(error)}`)
  }
}

/** A baton is good for one request; the answer carries the next, or none when the stream was closed. */
const pipeline = (
  { baton, requests }: Pipeline,
  version: number,
  { path, streams }: Context,
): object => {
  const known = baton ? streams.get(baton) : new HranaStream(path)
  if (!known) throw new ProtocolError('Received an invalid baton')
  if (baton) streams.delete(baton)
  try {
    const results = requests.map((request) => result(known, request, version))
    const next = known.open ? randomUUID() : null
    if (next) streams.set(next, known)
    return { baton: next, base_url: null, results }
  } catch (error) {
    known.close()
    throw error
  }
}

const result = (stream: HranaStream, request: HranaRequest, version: number): object => {
  try {
    return { type: 'ok', response: { type: request.type, ...stream.handle(request, version) } }
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    return { type: 'error', error: { message: error.message, code: error.code } }
  }
}

const send = (response: ServerResponse, status: number, body: object | string): void => {
  const text = typeof body === 'string'
  response.writeHead(status, { 'content-type': text ? 'text/plain' : 'application/json' })
  response.end(text ? body : JSON.stringify(body))
}
