import { rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { resolve } from 'node:path'
import type { ListenerConfig } from '../../../config/config.ts'
import { openTo, preparePlace, withPrivateMode } from './socket-file.ts'

/** Where a listener is reached, for people: `http://127.0.0.1:8787` or the socket's path. */
export const bindServer = async (
  server: Server,
  listener: ListenerConfig,
  dataDir: string,
): Promise<string> => {
  const { bind } = listener
  if (bind.kind === 'tcp') {
    await listen(server, { host: bind.host, port: bind.port })
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : bind.port
    return `http://${bind.host.includes(':') ? `[${bind.host}]` : bind.host}:${port}`
  }
  const path = socketPath(bind.path, dataDir)
  const rights = await preparePlace(path, listener, dataDir)
  if (await answers(path)) throw new Error(`${path} is in use by another process`)
  // Left behind by a process that was killed: nothing answers there.
  await rm(path, { force: true })
  await withPrivateMode(() => listen(server, { path }))
  await openTo(path, rights)
  return `unix:${path}`
}

/**
 * Gives a socket that stays open the rights of a new declaration.
 * @throws Error with a remedy when the new declaration asks for a folder that keeps others out
 */
export const redeclareBind = async (listener: ListenerConfig, dataDir: string): Promise<void> => {
  if (listener.bind.kind === 'tcp') return
  const path = socketPath(listener.bind.path, dataDir)
  await openTo(path, await preparePlace(path, listener, dataDir))
}

/** The same declaration, with the path of its socket file as the system knows it. */
export const located = (listener: ListenerConfig, dataDir: string): ListenerConfig => {
  const { bind } = listener
  if (bind.kind === 'tcp') return listener
  return { ...listener, bind: { kind: 'unix', path: socketPath(bind.path, dataDir) } }
}

const socketPath = (path: string, dataDir: string): string => resolve(dataDir, path)

const listen = (server: Server, options: object): Promise<void> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(explained(error))
    server.once('error', failed)
    server.listen(options, () => {
      server.off('error', failed)
      resolve()
    })
  })

const explained = (error: NodeJS.ErrnoException & { address?: string; port?: number }): Error => {
  const where = `${error.address}:${error.port}`
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: `${where} is in use by another process: stop it, or change "bind" of that listener`,
    EACCES: `${where} may not be opened by this user: ports below 1024 need a right, or a proxy in front`,
    EADDRNOTAVAIL: `${where} is not an address of this machine: change "bind" of that listener`,
  }
  const remedy = remedies[error.code ?? '']
  return remedy ? new Error(remedy, { cause: error }) : error
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
