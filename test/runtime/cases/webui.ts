import { expect, it } from 'vitest'
import { ALICE, ask } from '../requests.ts'
import type { Bench } from '../suite.ts'

/** Everything that is not the gateway's own. */
export const webuiCases = (bench: Bench): void => {
  it('passes other paths on, without our credentials and forged identities', async () => {
    const response = await ask(bench, '/auth?next=%2F', {
      headers: { ...ALICE, 'tailscale-user-login': 'alice@example.com', cookie: 'token=1' },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('GET /auth?next=%2F')
    expect(response.headers.getSetCookie()).toEqual(['token=1; Path=/'])
    const seen = bench.webui.seen.at(-1)!
    expect(seen.cookie).toBe('token=1')
    expect(seen.authorization).toBeUndefined()
    expect(seen['tailscale-user-login']).toBeUndefined()
    expect(seen['x-forwarded-for']).toBe('203.0.113.7')
  })

  it('passes an upload on', async () => {
    const body = 'x'.repeat(200_000)
    const response = await ask(bench, '/api/v1/files/', { method: 'POST', body })
    expect(response.status).toBe(200)
    expect(bench.webui.seen.at(-1)?.['content-length']).toBe('200000')
  })

  it('joins a WebSocket from a page of its own', async () => {
    const { gateway, webui } = bench
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws/socket.io`, {
      headers: { ...gateway.from('203.0.113.7'), origin: gateway.url, cookie: 'token=1' },
    } as never)
    const said = await new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(data)
      socket.onerror = () => reject(new Error('no WebSocket'))
    })
    expect(said).toBe('hello')
    expect(webui.seen.at(-1)?.cookie).toBe('token=1')
    socket.close()
  })

  it('refuses a WebSocket from a foreign page', async () => {
    const { gateway, webui } = bench
    const before = webui.seen.length
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/ws/socket.io`, {
      headers: { ...gateway.from('203.0.113.7'), origin: 'https://evil.example' },
    } as never)
    const outcome = await new Promise((resolve) => {
      socket.onopen = () => resolve('open')
      socket.onerror = () => resolve('refused')
    })
    expect(outcome).toBe('refused')
    expect(webui.seen.length).toBe(before)
  })
}
