import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

export interface WireAnswer {
  readonly status: number
  /** Of the error in the body, if there is one. */
  readonly code: unknown
}

/** Sends a request line as it is, in a connection of its own. */
export const wire = async (
  port: number,
  target: string,
  host: string,
  headers: readonly string[],
): Promise<WireAnswer> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...headers]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const answer = await text(socket)
  return {
    status: statusOf(answer),
    code: /"code":("?\w+"?)/.exec(answer)?.[1],
  }
}

/** Posts a body and says what came back first, whether or not the other end read all of it. */
export const post = async (
  port: number,
  head: readonly string[],
  body: Buffer,
): Promise<number> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}) // an early answer may cut the rest of the body off
  const answered = new Promise<Buffer>((resolve) => socket.once('data', resolve))
  const closed = new Promise<undefined>((resolve) => socket.once('close', () => resolve(undefined)))
  socket.write(`${head.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.write(body)
  const answer = await Promise.race([answered, closed])
  socket.destroy()
  return statusOf(answer?.toString('latin1') ?? '')
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

const block = 4096

/** As long as a block of Caddy's read buffer, so that a request begins wherever it goes on reading. */
const padded = (head: string, end = ''): string => {
  const rest = block - head.length - 'X: \r\n\r\n'.length - end.length
  return `${head}X: ${'a'.repeat(rest)}\r\n\r\n${end}`
}

/**
 * Posts a body made of requests for `/smuggled`, half of it only after the answer began.
 * @returns how many answers came back on the connection.
 */
export const smuggle = async (
  port: number,
  target: string,
  size: number,
  chunked = false,
): Promise<number> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}) // being cut off is the right answer
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const answered = new Promise<void>((resolve) => socket.once('data', () => resolve()))
  const answers: Buffer[] = []
  socket.on('data', (data: Buffer) => answers.push(data))
  const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`
  const head = `POST ${target} HTTP/1.1\r\nHost: a\r\n${length}\r\n`
  const inner = padded('GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.66\r\n')
  const half = inner.repeat(size / block / 2)
  socket.write(padded(head, chunked ? `${size.toString(16)}\r\n` : '') + half)
  await Promise.race([answered, closed])
  socket.end(chunked ? `${half}\r\n0\r\n\r\n` : half)
  await closed
  return Buffer.concat(answers).toString('latin1').split('HTTP/1.1 ').length - 1
}
