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
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]),
    code: /"code":("?\w+"?)/.exec(answer)?.[1],
  }
}

const block = 4096

/** As long as a block of Caddy's read buffer, so that a request begins wherever it goes on reading. */
const padded = (head: string): string =>
  `${head}X: ${'a'.repeat(block - head.length - '\r\nX: \r\n'.length)}\r\n\r\n`

/**
 * Posts a body made of requests for `/smuggled`, half of it only after the answer began.
 * @returns how many answers came back on the connection.
 */
export const smuggle = async (port: number, target: string, size: number): Promise<number> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}) // being cut off is the right answer
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const answered = new Promise<void>((resolve) => socket.once('data', () => resolve()))
  const answers: Buffer[] = []
  socket.on('data', (data: Buffer) => answers.push(data))
  const head = `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n`
  const inner = padded('GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.66\r\n')
  const half = inner.repeat(size / block / 2)
  socket.write(padded(head) + half)
  await Promise.race([answered, closed])
  socket.end(half)
  await closed
  return Buffer.concat(answers).toString('latin1').split('HTTP/1.1 ').length - 1
}
