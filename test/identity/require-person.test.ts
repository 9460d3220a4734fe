import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import type { ListenerIdentity } from '../../src/config/config.ts'
import type { Env } from '../../src/http/env.ts'
import { Failure } from '../../src/http/errors.ts'
import type { CallerKind } from '../../src/identity/caller.ts'
import { requirePerson } from '../../src/identity/login/require-person.ts'

const ask = async (kind: CallerKind, host: string, identity: ListenerIdentity = 'whois') => {
  const app = new Hono<Env>()
  app.onError((error, c) => c.text(error.message, error instanceof Failure ? error.status : 500))
  app.use(async (c, next) => {
    c.set('client', { host } as Env['Variables']['client'])
    c.set('auth', { caller: { login: 'alice', kind, credentialId: '', groups: [] } })
    await next()
  })
  app.use(requirePerson(['machine.tail1234.ts.net']))
  app.all('*', (c) => c.text('in'))
  const response = await app.request('/', {}, { listener: { identity } })
  return response.status
}

describe('who is known by their device', () => {
  it('is let in under names of ours, and no page whose name was pointed here (DNS rebinding)', async () => {
    expect(await ask('user', 'machine.tail1234.ts.net')).toBe(200)
    expect(await ask('user', '100.64.0.1:8787')).toBe(200)
    expect(await ask('user', 'evil.example')).toBe(421)
    expect(await ask('user', 'evil.example', 'caddy')).toBe(421)
    // tailscaled answers to its own names only.
    expect(await ask('user', 'other.tail1234.ts.net', 'serve')).toBe(200)
  })

  it('is no person when the device is nobody’s', async () => {
    expect(await ask('node', 'machine.tail1234.ts.net')).toBe(403)
  })
})

describe('who gave a credential', () => {
  it('is let in under any name, as no other page can have it', async () => {
    expect(await ask('password', 'chat.example.com')).toBe(200)
    expect(await ask('token', 'chat.example.com')).toBe(200)
  })

  it('is no person when it is a key, which was made for a program', async () => {
    expect(await ask('key', 'chat.example.com')).toBe(403)
  })
})
