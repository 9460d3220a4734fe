import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'

/** Checks what is signed by the rules themselves (AWS Signature Version 4), not by the library that signs. */
export interface S3Server {
  readonly url: string
  /** By path, bucket first. */
  readonly objects: Map<string, Buffer>
  /** Paths in the order in which they were put. */
  readonly puts: string[]
  /** What the next requests meet: an answer of that status, or a cut connection before or after the object is kept. */
  readonly faults: (number | 'cut' | 'cut after')[]
  /** All lines of all objects. */
  records(): Record<string, unknown>[]
  close(): Promise<void>
}

const secret = 'SECRET-of-the-bucket'
export const credentials = { access_key_id: 'AKID', access_secret: secret }

const hash = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer =>
  createHmac('sha256', key).update(data).digest()

const isSigned = (request: IncomingMessage, body: Buffer): boolean => {
  const { authorization = '', 'x-amz-date': date = '' } = request.headers
  const [, scope = '', names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=AKID\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
      authorization,
    ) ?? []
  if (request.headers['x-amz-content-sha256'] !== hash(body)) return false
  const lines = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonical = ['PUT', request.url, '', lines.join(''), names, hash(body)].join('\n')
  const text = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n')
  const key = scope
    .split('/')
    .reduce<string | Buffer>((made, part) => hmac(made, part), `AWS4${secret}`)
  return hmac(key, text).toString('hex') === signature
}

export const startS3 = async (): Promise<S3Server> => {
  const objects = new Map<string, Buffer>()
  const puts: string[] = []
  const faults: S3Server['faults'] = []
  const server = createServer(async (request, response) => {
    const fault = faults.shift()
    if (fault === 'cut') return void request.socket.destroy()
    const body = await buffer(request)
    if (typeof fault === 'number') {
      return void response.writeHead(fault).end('<Error><Code>SlowDown</Code></Error>')
    }
    if (!isSigned(request, body)) {
      return void response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>')
    }
    const path = (request.url ?? '').slice(1)
    objects.set(path, body)
    puts.push(path)
    if (fault === 'cut after') return void request.socket.destroy()
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    puts,
    faults,
    records: () =>
      [...objects.values()].flatMap((zipped) =>
        gunzipSync(zipped)
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>),
      ),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
