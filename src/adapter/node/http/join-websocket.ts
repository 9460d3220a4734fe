import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { UpgradeTarget } from '../../../gateway/http/env.ts'
import { fromFallback } from '../../../gateway/http/headers.ts'
import { Failure } from '../../../platform/failure.ts'

/** ms for the other side to answer the upgrade. */
const upgradeTimeout = 15_000
/** ms without a byte in either direction: the peer is gone (Socket.IO pings every 25 s). */
const idleTimeout = 10 * 60_000

/**
 * Asks `target` to switch to WebSocket and, once it does, joins both sockets byte for byte: no frame is parsed, so no
 * frame can be malformed for us. Resolves to the answer to give when it does not switch.
 * @throws Failure when the other side cannot be reached
 */
export const splice = (
  client: Socket,
  head: Buffer,
  target: UpgradeTarget,
): Promise<Response | undefined> =>
  new Promise((resolve, reject) => {
    const outgoing = ask(target)
    client.once('close', () => outgoing.destroy())
    outgoing.once('upgrade', (answer, upstream, upstreamHead) => {
      upstream.on('error', () => upstream.destroy())
      join(client, upstream as Socket, answer, head, upstreamHead)
      resolve(undefined)
    })
    outgoing.once('response', (answer) => {
      answer.resume()
      resolve(refusal(answer))
    })
    // Stays for good: an error may follow the upgrade as well.
    outgoing.on('error', (error) =>
      reject(
        new Failure('upstream_error', 'Open WebUI does not answer.', { reason: error.message }),
      ),
    )
    outgoing.end()
  })

const ask = ({ origin, path, headers }: UpgradeTarget): ClientRequest => {
  const { hostname, port } = new URL(origin)
  return request({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port || 80,
    path,
    headers: headers.flat() as string[],
    timeout: upgradeTimeout,
    agent: false,
  }).once('timeout', function timedOut(this: ClientRequest) {
    this.destroy(new Error('no answer to the upgrade'))
  })
}

/** Refusals pass on their status, not their words. */
const refusal = ({ statusCode = 502 }: IncomingMessage): Response =>
  new Response(null, { status: statusCode >= 300 && statusCode < 400 ? 502 : statusCode })

const join = (
  client: Socket,
  upstream: Socket,
  answer: IncomingMessage,
  head: Buffer,
  upstreamHead: Buffer,
): void => {
  const list: [string, string][] = []
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    list.push([(answer.rawHeaders[i] ?? '').toLowerCase(), answer.rawHeaders[i + 1] ?? ''])
  }
  const head101 = [
    'HTTP/1.1 101 Switching Protocols',
    'connection: Upgrade',
    'upgrade: websocket',
    ...fromFallback(list).map(([name, value]) => `${name}: ${value}`),
  ]
  // One byte too many here would be the first byte of a frame.
  client.write(`${head101.join('\r\n')}\r\n\r\n`, 'latin1')
  if (upstreamHead.length > 0) client.write(upstreamHead)
  if (head.length > 0) upstream.write(head)
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.setNoDelay(true)
    from.setKeepAlive(true, 30_000)
    from.setTimeout(idleTimeout, () => from.destroy())
    from.once('close', () => to.destroy())
    from.pipe(to)
  }
}
