import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTunnel, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export type Mode = 'up' | 'drops' | 'hangs' | 'fails'

export interface Relay {
  readonly url: string
  /** For new connections; those that are open are cut. */
  become(mode: Mode): void
}

/** Stands before a server, and fails as networks do when it is told to. */
export const relay = async (upstream: string, first: Mode = 'up'): Promise<Relay> => {
  let mode = first
  const open = new Set<Socket>()
  const broken = createServer((_request, response) => {
    response.writeHead(500).end('broken')
  })
  const { hostname, port } = new URL(upstream)
  const serve: Record<Mode, (socket: Socket) => void> = {
    up: (socket) => {
      const up = connect(Number(port), hostname)
      up.on('error', () => socket.destroy())
      socket.pipe(up).pipe(socket)
    },
    drops: (socket) => socket.destroy(),
    hangs: () => {},
    fails: (socket) => broken.emit('connection', socket),
  }
  const tunnel = createTunnel((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    serve[mode](socket)
  })
  await new Promise<void>((resolve) => tunnel.listen(0, '127.0.0.1', resolve))
  const become = (next: Mode): void => {
    mode = next
    for (const socket of open) socket.destroy()
    open.clear()
  }
  onTestFinished(() => {
    become('drops')
    tunnel.close()
  })
  return { url: `http://127.0.0.1:${(tunnel.address() as AddressInfo).port}`, become }
}
