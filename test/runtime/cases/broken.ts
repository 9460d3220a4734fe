import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { ALICE, ask, chat, eventually } from '../requests.ts'
import type { Bench } from '../suite.ts'
import { rowOf } from './ledger.ts'

/** Generous: the suite runs beside others on two cores. The limit itself is measured elsewhere. */
const SOON = 2000

/** Streams that end too early, on either side. */
export const brokenCases = (bench: Bench): void => {
  it.each(['dies-rst', 'dies-fin'])(
    'does not end a stream cleanly when the upstream breaks off (%s)',
    async (model) => {
      const response = await chat(bench, { model, stream: true })
      const id = response.headers.get('x-request-id')
      expect(response.status).toBe(200)
      const seen: string[] = []
      const reading = (async () => {
        const decoder = new TextDecoder()
        for await (const chunk of response.body!) seen.push(decoder.decode(chunk))
      })()
      await expect(reading).rejects.toThrow()
      expect(seen.join('')).toContain('Hello')
      expect(seen.join('')).not.toContain('[DONE]')
      expect(await rowOf(bench, id)).toMatchObject({ outcome: 'upstream_error' })
    },
  )

  it('stops the upstream when the client leaves in the middle of a stream', async () => {
    const stop = new AbortController()
    const before = bench.upstream.closes
    const response = await chat(bench, { model: 'endless', stream: true }, { signal: stop.signal })
    const reader = response.body!.getReader()
    await reader.read()
    await reader.read()
    const left = performance.now()
    stop.abort()
    await bench.upstream.closed(before + 1)
    expect(bench.upstream.closedAt.at(-1)! - left).toBeLessThan(SOON)
    const row = await rowOf(bench, response.headers.get('x-request-id'))
    expect(row).toMatchObject({ outcome: 'client_gone', status: 200, model: 'endless' })
    expect(Number(row.output_tokens)).toBeGreaterThan(0)
  })

  it('stops the upstream when the client leaves before there is an answer', async () => {
    const before = bench.upstream.closes
    const asked = bench.upstream.requests.length
    const socket = sendRaw(bench, { model: 'silent', stream: true })
    await bench.upstream.received(asked + 1)
    // A reset, for workerd takes a FIN for half a goodbye; Cloudflare's edge tells it of either.
    socket.resetAndDestroy()
    await bench.upstream.closed(before + 1)
    const { database } = bench.gateway
    await eventually(async () => {
      const sql = "SELECT outcome, status FROM usage WHERE model = 'silent'"
      return (await database.execute(sql)).rows.map(({ outcome, status }) => [outcome, status])
    }).toEqual([['client_gone', 499]])
  })

  it('goes on answering after all that', async () => {
    expect((await ask(bench, '/healthz')).status).toBe(200)
    expect((await chat(bench, { model: 'fake-model' })).status).toBe(200)
  })
}

/** A chat completion on a socket that is in our hands. */
const sendRaw = ({ gateway }: Bench, body: object): Socket => {
  const { hostname, port, host } = new URL(gateway.url)
  const headers = { host, ...ALICE, ...gateway.from('203.0.113.7') }
  const text = JSON.stringify({ ...body, messages: [] })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\n${lines.join('\r\n')}\r\n` +
      `content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  )
  return socket
}
