import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

// Below the range that Linux takes ports of outgoing connections from (ip(7), `ip_local_port_range`): a port of that
// range can be somebody's before the program it is meant for listens on it.
const lowest = 20_000
const highest = 32_767

/**
 * Ports of this machine that nobody listens on, each handed out once here and to one process at a time. Asking the
 * system for any free port instead gives the same one twice now and then (7 of 20,000 times three), and Caddy listens
 * on one port for two purposes without a word.
 */
export const portsFrom = (first: number) => {
  let next = first
  return async (): Promise<number> => {
    for (let tried = lowest; tried <= highest; tried++) {
      const port = next
      next = port < highest ? port + 1 : lowest
      if ((await claim(port)) && (await isFree(port))) return port
    }
    throw new Error(`no free port from ${lowest} to ${highest}`)
  }
}

/**
 * For programs that cannot bind port 0 and tell. Every test file has its own copy of this module: from a place of its
 * own, a port that one file used is left alone by the next.
 */
export const freePort = portsFrom(lowest + Math.floor(Math.random() * (highest - lowest)))

// The name of a socket outside the file system is one process's until it ends, and of one network, as ports are.
const claim = async (port: number): Promise<boolean> => {
  if (process.platform !== 'linux') return true
  const held = await listening({ path: `\0postern-test-port-${port}` })
  held?.unref()
  return held !== undefined
}

const isFree = async (port: number): Promise<boolean> => {
  const server = await listening({ port })
  if (server === undefined) return false
  server.close()
  await once(server, 'close')
  return true
}

type Where = { readonly path: string } | { readonly port: number }

/** A server on every address; undefined where somebody listens. */
const listening = async (where: Where): Promise<Server | undefined> => {
  const server = createServer()
  server.listen({ ...where, exclusive: true })
  try {
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}
