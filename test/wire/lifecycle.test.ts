import { describe, expect, it } from 'vitest'
import { startUpstream, stream } from '../support/fake-upstream.ts'
import { startTestGateway } from '../support/gateway.ts'
import { open, post, raw, until } from '../support/raw.ts'
import { chat } from '../support/setup.ts'

const words = Array.from({ length: 40 }, (_, i) => ` w${i}`)

const start = async () => {
  const upstream = await startUpstream({ byModel: { long: stream({ frames: words, gap: 15 }) } })
  const providers = { local: { baseurl: upstream.url, models: ['m', 'long'] } }
  const gateway = await startTestGateway({ providers })
  return { upstream, gateway, providers }
}

describe('a reload', () => {
  it('cuts no stream, fails no request, and rules the next request', async () => {
    const { upstream, gateway } = await start()
    const running = chat(gateway.url, { model: 'long', stream: true }).then((r) => r.text())
    await upstream.received(1)
    for (let i = 0; i < 5; i++) {
      await gateway.reload({ rate_limits: [] })
      expect((await chat(gateway.url, { model: 'm' })).status).toBe(200)
    }
    await gateway.reload({ providers: { other: { baseurl: upstream.url, models: ['n'] } } })
    expect((await chat(gateway.url, { model: 'm' })).status).toBe(404)
    const text = await running
    expect(text).toContain(' w39')
    expect(text).toContain('[DONE]')
    await gateway.stop()
    await upstream.stop()
  })

  it('changes whom a listener trusts without closing it', async () => {
    const { upstream, gateway } = await start()
    const ipOf = async () => {
      const headers = { 'x-forwarded-for': '203.0.113.7' }
      await chat(gateway.url, { model: 'm' }, { headers })
      return gateway.store.usage.at(-1)?.clientIp
    }
    expect(await ipOf()).toBe('127.0.0.1')
    const trusting = { name: 'local', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }
    await gateway.reload({ listeners: [trusting] })
    expect(await ipOf()).toBe('203.0.113.7')
    await gateway.stop()
    await upstream.stop()
  })

  it('lets a removed user in no more, though the password was cached', async () => {
    const { upstream, gateway } = await start()
    expect((await chat(gateway.url, { model: 'm' })).status).toBe(200)
    await gateway.reload({ users: {}, grants: [] })
    expect((await chat(gateway.url, { model: 'm' })).status).toBe(401)
    await gateway.stop()
    await upstream.stop()
  })
})

describe('shutting down', () => {
  it('lets running answers finish, takes no new connection, and says so on /readyz', async () => {
    const { upstream, gateway } = await start()
    const running = chat(gateway.url, { model: 'long', stream: true }).then((r) => r.text())
    await upstream.received(1)
    const idle = await open(gateway.port, 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n')
    await new Promise((resolve) => idle.once('data', resolve))
    const stopped = gateway.gateway.stop(10_000)
    await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow()
    expect(await running).toContain('[DONE]')
    await stopped
    await until(() => gateway.store.usage.at(-1)?.outcome === 'ok')
    await gateway.stop()
    await upstream.stop()
  })

  it('ends what is left after the grace with an error, and writes its row', async () => {
    const { upstream, gateway } = await start()
    const socket = await open(gateway.port, post({ model: 'long', stream: true, messages: [] }))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
    })
    await until(() => text.includes('w1'))
    await gateway.gateway.stop(20)
    await until(() => socket.destroyed || socket.readableEnded)
    expect(text).toContain('"code":"not_ready"')
    expect(text).not.toContain('[DONE]')
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(gateway.store.usage.at(-1)).toMatchObject({ outcome: 'cut', errorCode: 'not_ready' })
    await gateway.stop()
    await upstream.stop()
  })
})

describe('health', () => {
  it('asks for no credentials; readiness names the part that fails', async () => {
    const { upstream, gateway } = await start()
    expect(await (await fetch(`${gateway.url}/healthz`)).json()).toEqual({ status: 'ok' })
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
    gateway.state.draining = true
    const answer = await fetch(`${gateway.url}/readyz`)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ failing: 'shutdown' })
    const { statuses } = await raw(
      gateway.port,
      'GET /healthz/../v1/models HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    expect(statuses).toEqual([400])
    await gateway.stop()
    await upstream.stop()
  })
})
