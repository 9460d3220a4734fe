import { chmod, mkdir, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname, isAbsolute, join } from 'node:path'
import type { ListenerConfig } from '../../config/config.ts'

/** Where a listener is reached, for people: `http://127.0.0.1:8787` or the socket's path. */
export const bindServer = async (
  server: Server,
  { bind }: ListenerConfig,
  dataDir: string,
): Promise<string> => {
  if (bind.kind === 'tcp') {
    await listen(server, { host: bind.host, port: bind.port })
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : bind.port
    return `http://${bind.host.includes(':') ? `[${bind.host}]` : bind.host}:${port}`
  }
  const path = isAbsolute(bind.path) ? bind.path : join(dataDir, bind.path)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  if (await answers(path)) throw new Error(`${path} is in use by another process`)
  // Left behind by a process that was killed: nobody answers there.
  await rm(path, { force: true })
  await listen(server, { path })
  await chmod(path, 0o660)
  return `unix:${path}`
}

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
    EADDRNOTAVAIL: `${where} is no address of this machine: change "bind" of that listener`,
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
