import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Answer {
  readonly method: string
  readonly path: string
  readonly type: string
  readonly body: string
}

export interface MockAnthropic {
  readonly url: string
  stop(): Promise<void>
}

const bodyOf = async (incoming: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** A mock for an API that has no public description: the tests give it the answer to each call first (`PUT /_answer`). */
export const startMockAnthropic = async (): Promise<MockAnthropic> => {
  const answers = new Map<string, Answer>()
  const keyOf = (method = '', path = '', streams: boolean) => `${method} ${path} ${streams}`
  const server = createServer(async (incoming, response) => {
    const body = await bodyOf(incoming)
    const { method, url = '' } = incoming
    if (url === '/_answer') {
      const answer = JSON.parse(body) as Answer
      answers.set(keyOf(answer.method, answer.path, answer.type.endsWith('event-stream')), answer)
      response.end()
      return
    }
    const path = url.split('?', 1)[0]
    const answer = answers.get(keyOf(method, path, /"stream":\s*true/.test(body)))
    response.writeHead(answer ? 200 : 404, { 'content-type': answer?.type ?? 'application/json' })
    response.end(answer?.body ?? '{"error":"no answer was given for this call"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
