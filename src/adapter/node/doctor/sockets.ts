import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect } from 'node:net'
import type { Socket } from '../../../platform/machine.ts'

/** ms for a connection; loopback and the next room take one. */
const connectPatience = 700
/** ms for an answer. */
const patience = 2000
/** Bytes of an answer that are kept. */
const most = 4096

export const connects = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectPatience })
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', end(true)).once('timeout', end(false)).once('error', end(false))
  })

/** As `Machine.ask` says. */
export const askListener = (
  at: Socket,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> => {
  const where = at.kind === 'unix' ? { socketPath: at.path } : tcp(at)
  return ask({ ...where, path, headers: { host: 'localhost' } }, false, async (incoming) => ({
    status: incoming.statusCode ?? 0,
    body: await beginning(incoming),
  }))
}

/** As `Machine.upgrade` says. */
export const upgrade = (url: URL, headers: Readonly<Record<string, string>>): Promise<number> => {
  const { hostname, pathname, search, port, protocol } = url
  const options = {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || undefined,
    path: pathname + search,
    headers: {
      ...headers,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      // Any 16 bytes do: nothing is sent over this socket.
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    },
  }
  return ask(options, protocol === 'https:', async ({ statusCode = 0 }) => statusCode)
}

const ask = <Answer>(
  options: RequestOptions,
  tls: boolean,
  read: (incoming: IncomingMessage) => Promise<Answer>,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing: ClientRequest = (tls ? requestTls : request)({ ...options, agent: false })
    const timer = setTimeout(() => outgoing.destroy(timedOut()), patience)
    const settle = (answer: Promise<Answer>) =>
      answer.then(resolve, reject).finally(() => {
        clearTimeout(timer)
        outgoing.destroy()
      })
    outgoing.once('response', (incoming) => void settle(read(incoming)))
    outgoing.once('upgrade', (incoming, socket) => {
      // It is the request's no more, and would stay open until the other side is tired of it.
      socket.destroy()
      void settle(read(incoming))
    })
    // Stays for good: one more may follow the answer.
    outgoing.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    outgoing.end()
  })

const timedOut = (): Error =>
  Object.assign(new Error(`no answer within ${patience} ms`), { code: 'ETIMEDOUT' })

const tcp = ({ host, port }: { readonly host: string; readonly port: number }) => ({
  host: reachable[host] ?? host,
  port,
})

/** Where a socket that is bound to every address is reached from here. */
const reachable: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

const beginning = async (incoming: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.length > most) break
  }
  return text
}
