import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/gateway/http/env.ts'
import { requirePerson } from '../../src/gateway/identity/login/require-person.ts'
import type { CallerKind } from '../../src/platform/caller.ts'
import { Failure } from '../../src/platform/failure.ts'

const ask = async (kind: CallerKind) => {
  const app = new Hono<Env>()
  app.onError((error, c) => c.text(error.message, error instanceof Failure ? error.status : 500))
  app.use(async (c, next) => {
    c.set('auth', { caller: { login: 'alice', kind, credentialId: '', groups: [] } })
    await next()
  })
  app.use(requirePerson())
  app.all('*', (c) => c.text('in'))
  const response = await app.request('/')
  return response.status
}

describe('who is known by their device', () => {
  it('is let in', async () => {
    expect(await ask('user')).toBe(200)
  })

  it('is not a person when the device is nobody’s', async () => {
    expect(await ask('node')).toBe(403)
  })
})

describe('who gave a credential', () => {
  it('is let in', async () => {
    expect(await ask('password')).toBe(200)
    expect(await ask('token')).toBe(200)
  })

  it('is not a person when it is a key, which was made for a program', async () => {
    expect(await ask('key')).toBe(403)
  })
})
