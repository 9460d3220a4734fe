import { stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const alice = { authorization: `Basic ${btoa('alice:alice-password')}` }
const onSocket = (socketPath: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/v1/models', headers }, (answer: IncomingMessage) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end()
  })

const socketListener = (name: string) => ({
  name: 'proxy',
  bind: `unix:${name}.sock`,
  trusted_proxies: ['unix'],
})

let gateway: TestGateway | undefined
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
})

const pathOf = (address: string | undefined): string => (address ?? '').replace(/^unix:/, '')

describe('a listener on a unix socket', () => {
  it('serves those whom its file mode lets in, and believes the proxy about the client', async () => {
    gateway = await startTestGateway({ listeners: [socketListener('gw')] })
    const path = pathOf(gateway.gateway.addresses.get('proxy'))
    expect((await stat(path)).mode & 0o777).toBe(0o660)
    expect(await onSocket(path, {})).toBe(401)
    expect(await onSocket(path, { ...alice, 'x-forwarded-for': '203.0.113.7' })).toBe(200)
    expect(gateway.store.usage.at(-1)).toMatchObject({ clientIp: '203.0.113.7', door: 'public' })
  })

  it('takes over a socket that nobody answers on, as a killed process leaves it', async () => {
    gateway = await startTestGateway({ listeners: [socketListener('a')] })
    const stale = pathOf(gateway.gateway.addresses.get('proxy')).replace('a.sock', 'b.sock')
    await writeFile(stale, '')
    await gateway.reload({ listeners: [socketListener('b')] })
    expect(await onSocket(stale, alice)).toBe(200)
  })

  it('leaves a socket alone that another process answers on', async () => {
    gateway = await startTestGateway({ listeners: [socketListener('a')] })
    const taken = pathOf(gateway.gateway.addresses.get('proxy')).replace('a.sock', 'b.sock')
    const other = createServer((_request, response) => response.end())
    await new Promise<void>((resolve) => other.listen(taken, resolve))
    await expect(gateway.reload({ listeners: [socketListener('b')] })).rejects.toThrow('in use')
    expect(await onSocket(taken, {})).toBe(200)
    await new Promise((resolve) => other.close(resolve))
  })
})

describe('a listener on a port that is taken', () => {
  it('keeps the gateway from starting, and closes what was opened before', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const free = createServer()
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve))
    const first = (free.address() as AddressInfo).port
    await new Promise((resolve) => free.close(resolve))
    const listeners = [
      { name: 'first', bind: `127.0.0.1:${first}` },
      { name: 'second', bind: `127.0.0.1:${port}` },
    ]
    await expect(startTestGateway({ listeners })).rejects.toThrow(`127.0.0.1:${port} is in use`)
    await expect(fetch(`http://127.0.0.1:${first}/healthz`)).rejects.toThrow()
    await new Promise((resolve) => other.close(resolve))
  })
})
