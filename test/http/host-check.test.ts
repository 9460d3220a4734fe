import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import type { Bind, ListenerIdentity } from '../../src/config/config.ts'
import type { Env } from '../../src/gateway/http/env.ts'
import { ownNameAsked } from '../../src/gateway/http/guards/host-check.ts'

const socket: Bind = { kind: 'unix', path: 'x.sock' }
const port: Bind = { kind: 'tcp', host: '127.0.0.1', port: 1 }

const asked = async (
  host: string,
  { identity = 'whois', bind = port }: { identity?: ListenerIdentity; bind?: Bind } = {},
  suffix: string | null = 'tail1234.ts.net',
): Promise<boolean> => {
  const app = new Hono<Env>()
  const own = ownNameAsked(['Chat.example.com'], () => suffix ?? undefined)
  app.all('*', (c) => c.json(own(c)))
  const headers = { host, 'x-forwarded-host': 'localhost' }
  const answer = await app.request('/', { headers }, { listener: { identity, bind } })
  return (await answer.json()) as boolean
}

describe('a name asked for by who is known by where they come from', () => {
  it.each([
    'localhost',
    'localhost:8787',
    '127.0.0.1:8787',
    '100.64.0.1',
    '[fd7a:115c:a1e0::1]:80',
    'gateway',
    'gateway.tail1234.ts.net',
    'GATEWAY.tail1234.TS.net.:443',
    'chat.example.com',
  ])('is ours: %s', async (host) => {
    expect(await asked(host)).toBe(true)
  })

  it.each([
    'evil.example',
    'evil.example:8787',
    'tail1234.ts.net.evil.example',
    'eviltail1234.ts.net',
    'gateway.tail9.ts.net',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'chat.example.com.evil.example',
  ])('is not ours, whatever is said to be forwarded: %s', async (host) => {
    expect(await asked(host)).toBe(false)
    expect(await asked(host, { identity: 'caddy', bind: socket })).toBe(false)
    expect(await asked(host, { identity: 'serve' })).toBe(false)
  })

  it('is tailscaled’s matter before a socket file', async () => {
    expect(await asked('evil.example', { identity: 'serve', bind: socket })).toBe(true)
  })

  it('is ours beneath ts.net where nobody tells which tailnet it is', async () => {
    expect(await asked('gateway.tail1234.ts.net', {}, null)).toBe(true)
    expect(await asked('ts.net', {}, null)).toBe(false)
    expect(await asked('evilts.net', {}, null)).toBe(false)
    expect(await asked('ts.net.evil.example', {}, null)).toBe(false)
  })
})
