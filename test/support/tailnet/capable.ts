import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'

/**
 * A LocalAPI that is the real one but for the node's own capabilities: headscale gives out neither certificates nor
 * Funnel, and says so. What is written goes through, and what is served is what the daemon serves.
 */
export const withCapabilities = async (
  socketPath: string,
  path: string,
  capabilities: readonly string[],
): Promise<{ stop(): Promise<void> }> => {
  const server = createServer((asked, reply) => {
    const { method, url, headers } = asked
    const onward = request({ socketPath, method, path: url, headers, agent: false })
    onward.once('response', async (answer: IncomingMessage) => {
      const body = (await answer.toArray()).join('')
      const isStatus = url?.startsWith('/localapi/v0/status')
      const { 'content-length': _, ...rest } = answer.headers
      reply.writeHead(answer.statusCode ?? 500, rest)
      reply.end(isStatus ? capable(body, capabilities) : body)
    })
    onward.once('error', () => reply.destroy())
    asked.pipe(onward)
  }).listen(path)
  await once(server, 'listening')
  return {
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await rm(path, { force: true })
    },
  }
}

const capable = (body: string, capabilities: readonly string[]): string => {
  const status = JSON.parse(body) as { Self: { CapMap: object } }
  const added = Object.fromEntries(capabilities.map((name) => [name, null]))
  return JSON.stringify({
    ...status,
    Self: { ...status.Self, CapMap: { ...status.Self.CapMap, ...added } },
  })
}
