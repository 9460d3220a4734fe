import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  /** Everything that came, as latin1. */
  readonly text: string
  /** Status of each response on the connection. */
  readonly statuses: number[]
  /** The other side closed within the time. */
  readonly closed: boolean
}

/** Sends exact bytes and collects what comes back until the other side closes, or for `wait` ms. */
export const raw = (port: number, bytes: string, wait = 700): Promise<RawAnswer> =>
  new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    const finish = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]))
      resolve({ text, statuses, closed })
    }
    const timer = setTimeout(() => finish(false), wait)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => finish(true))
  })

/** An open connection that has sent `bytes`, for tests that read slowly or leave. */
export const open = (port: number, bytes: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes, 'latin1')
      resolve(socket)
    })
    socket.once('error', reject)
  })

const alice = `Basic ${Buffer.from('alice:alice-password').toString('base64')}`

export interface PostOptions {
  readonly path?: string
  readonly authorization?: string
  readonly headers?: readonly string[]
}

/** The bytes of an authenticated JSON POST. */
export const post = (body: object, options: PostOptions = {}): string => {
  const json = JSON.stringify(body)
  const { path = '/v1/chat/completions', authorization = alice, headers = [] } = options
  return [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    `Authorization: ${authorization}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(json)}`,
    ...headers,
    '',
    json,
  ].join('\r\n')
}

/** Polls until `check` is true, for what happens off the request's path. */
export const until = async (check: () => boolean, within = 10_000): Promise<void> => {
  const started = performance.now()
  while (!check()) {
    if (performance.now() - started > within) throw new Error('did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
