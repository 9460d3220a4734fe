import type { Socket } from 'node:net'

const withinMs = 10_000

/**
 * Plays the relay of Funnel on a connection to a node's peerAPI. Resolves with the same connection, on which the
 * bytes of the internet client follow; rejects with the node's own words when it refuses.
 * @param from address and port of that client
 * @param target name and port that it asked for
 */
export const relayTo = (connection: Socket, from: string, target: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(timer)
      connection.destroy()
      reject(new Error(`ingress: ${reason}`))
    }
    let head = ''
    const closed = () => fail(head.split('\r\n\r\n').at(-1) || 'closed')
    const timer = setTimeout(fail, withinMs, 'no answer in time')
    const read = (chunk: Buffer) => {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      const status = head.split(' ')[1]
      if (status !== '101') return fail(`${status} ${head.slice(end + 4).trim()}`)
      clearTimeout(timer)
      connection.off('data', read).off('close', closed)
      connection.pause()
      resolve(connection)
    }
    connection.on('data', read)
    connection.once('close', closed)
    connection.once('error', (error) => fail(error.message))
    connection.write(
      [
        'POST /v0/ingress HTTP/1.1',
        'Host: peer',
        `Tailscale-Ingress-Src: ${from}`,
        `Tailscale-Ingress-Target: ${target}`,
        'Content-Length: 0',
        '\r\n',
      ].join('\r\n'),
    )
  })
