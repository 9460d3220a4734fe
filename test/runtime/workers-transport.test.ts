import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { send } from '../../src/adapter/workers/transport.ts'
import type { UpstreamCall, UpstreamError } from '../../src/platform/upstream.ts'
import { type FakeUpstream, flood, type Script, startUpstream } from '../support/fake-upstream.ts'
import { eventually } from './requests.ts'

// The transport needs nothing but fetch, so Node's stands in for the runtime's here.

let upstream: FakeUpstream

afterEach(() => upstream.stop())

interface Recording {
  readonly call: UpstreamCall
  readonly events: string[]
  headers: readonly (readonly [string, string])[]
  bytes: number
  error?: UpstreamError
  /** Settles with `end` or `error`. */
  readonly over: Promise<void>
}

const ask = async (
  script: Script | NonNullable<Script['handler']>,
  paused = false,
): Promise<Recording> => {
  upstream = await startUpstream(script)
  const { promise, resolve } = Promise.withResolvers<void>()
  const recording: Recording = {
    events: [],
    headers: [],
    bytes: 0,
    over: promise,
    call: send(
      { origin: upstream.url, path: '/v1/x?a=%2F', method: 'GET', headers: [], body: null },
      {
        head: (status, headers) => {
          recording.events.push(`head ${status}`)
          recording.headers = headers
          if (paused) recording.call.pause()
        },
        data: (chunk) => {
          recording.events.push('data')
          recording.bytes += chunk.byteLength
        },
        end: () => {
          recording.events.push('end')
          resolve()
        },
        error: (error) => {
          recording.events.push('error')
          recording.error = error
          resolve()
        },
      },
    ),
  }
  return recording
}

describe('the transport on fetch', () => {
  it('gives head, data and end, and sends the path as it is', async () => {
    const { events, over } = await ask(({ response }) => void response.end('hello'))
    await over
    expect(events).toEqual(['head 200', 'data', 'end'])
    expect(upstream.requests[0]?.path).toBe('/v1/x?a=%2F')
  })

  it('follows no redirect', async () => {
    const { events, over } = await ask(({ response }) => {
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    await over
    expect(events).toEqual(['head 307', 'end'])
    expect(upstream.requests).toHaveLength(1)
  })

  it('stops reading while it is paused, so that the upstream has to wait', async () => {
    const size = 100_000_000
    const answer = await ask({ handler: flood(size) as NonNullable<Script['handler']> }, true)
    await eventually(() => answer.events.length).toBeGreaterThan(0)
    let last = -1
    await eventually(() => {
      const still = upstream.sent === last
      last = upstream.sent
      return still && last > 0
    }).toBe(true)
    expect(upstream.sent).toBeLessThan(size / 4)
    expect(answer.events.filter((event) => event === 'data').length).toBeLessThanOrEqual(1)
    answer.call.resume()
    await answer.over
    expect(answer.events.at(-1)).toBe('end')
    expect(answer.bytes).toBeGreaterThanOrEqual(size)
  })

  it('closes the connection on abort, and says nothing more', async () => {
    const { call, events } = await ask(({ response }) => {
      response.writeHead(200).write('first')
    })
    await eventually(() => events).toEqual(['head 200', 'data'])
    call.abort()
    call.abort()
    await upstream.closed()
    expect(events).toEqual(['head 200', 'data'])
  })

  it('tells an answer that breaks off from one that ends', async () => {
    const answer = await ask(({ response }) => {
      response.writeHead(200).write('first')
      setTimeout(() => response.socket?.resetAndDestroy(), 20)
    })
    await answer.over
    expect(answer.events).toEqual(['head 200', 'data', 'error'])
    expect(answer.error?.kind).toBe('broken')
  })

  it('lets nobody else be asked when the request may have gone out', async () => {
    const answer = await ask(({ response }) => void response.socket?.destroy())
    await answer.over
    expect([answer.events, answer.error?.kind]).toEqual([['error'], 'broken'])
  })

  it.each([
    [521, 'connect'],
    [530, 'connect'],
    [522, 'broken'],
  ])('takes %d for what it is: the edge’s own page about a provider', async (status, kind) => {
    const answer = await ask(({ response }) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('provider.example is down')
    })
    await answer.over
    expect([answer.events, answer.error?.kind]).toEqual([['error'], kind])
    expect(answer.error?.message).not.toContain('provider.example')
  })

  it.each([
    ['gzip', gzipSync('hello')],
    ['br', brotliCompressSync('hello')],
  ])('does not call bytes %s that fetch has inflated', async (encoding, body) => {
    const answer = await ask(({ response }) => {
      response.writeHead(200, { 'content-encoding': encoding, 'content-length': body.length })
      response.end(body)
    })
    await answer.over
    expect(answer.bytes).toBe('hello'.length)
    const names = answer.headers.map(([name]) => name)
    expect(names).not.toContain('content-encoding')
    expect(names).not.toContain('content-length')
  })
})
