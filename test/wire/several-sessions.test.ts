import { readFileSync, writeFileSync } from 'node:fs'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startWebui } from '../support/fake-webui.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

const secrets = { first: 'a'.repeat(40), second: 'b'.repeat(40) }
const page = { accept: 'text/html' }

describe('two gateways with the ledger and sessions.secret in common', () => {
  const ends: (() => Promise<unknown>)[] = []
  let gateways: readonly PosternProcess[]
  beforeAll(async () => {
    process.env.POSTERN_TEST_SESSIONS = secrets.first
    process.env.POSTERN_TEST_SESSIONS_NEXT = secrets.second
    const [webui, server] = await Promise.all([startWebui(), startLibsqlServer()])
    ends.push(
      () => webui.stop(),
      () => server.close(),
    )
    const config = {
      database: { url: server.url },
      webui: { url: webui.url, sso: 'trusted-header' },
      users: { alice: { password: hashSync('alice-password', 4) } },
      grants: [
        { src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] } },
      ],
      sessions: { secret: 'env:POSTERN_TEST_SESSIONS' },
    }
    gateways = await Promise.all([startPostern({ config }), startPostern({ config })])
    ends.push(...gateways.map((gateway) => () => gateway.stop()))
  }, 60_000)
  afterAll(async () => {
    delete process.env.POSTERN_TEST_SESSIONS
    delete process.env.POSTERN_TEST_SESSIONS_NEXT
    for (const end of ends.reverse()) await end()
  })

  const at = (index: number) => gateways[index]?.url ?? ''

  const signIn = async (index: number): Promise<string> => {
    const answer = await fetch(`${at(index)}/postern/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: at(index), 'content-type': 'application/x-www-form-urlencoded' },
      body: 'user=alice&password=alice-password&code=&to=/',
    })
    expect(answer.status).toBe(303)
    return answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  }
  /** 200: Open WebUI; 303: the login page. */
  const open = async (index: number, cookie: string) => {
    const answer = await fetch(`${at(index)}/`, {
      redirect: 'manual',
      headers: { ...page, cookie },
    })
    const cookies = answer.headers.getSetCookie().map((line) => line.split(';')[0] ?? '')
    return {
      status: answer.status,
      renewed: cookies.find((it) => it.startsWith('postern-session=')),
    }
  }

  it('take a person who signed in at one of them at the other, and not after the sign-out', async () => {
    const cookie = await signIn(0)
    expect(await open(0, cookie)).toMatchObject({ status: 200 })
    expect(await open(1, cookie)).toMatchObject({ status: 200 })
    await fetch(`${at(0)}/postern/logout`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: at(0), cookie },
    })
    await expect.poll(async () => (await open(1, cookie)).status, { timeout: 5000 }).toBe(303)
  })

  it('change the secret one after the other, and nobody signs in again', async () => {
    const cookie = await signIn(0)
    const next = {
      secret: 'env:POSTERN_TEST_SESSIONS_NEXT',
      previous_secret: 'env:POSTERN_TEST_SESSIONS',
    }
    const reload = async (index: number, sessions: object) => {
      const path = gateways[index]?.configFile ?? ''
      const config = JSON.parse(readFileSync(path, 'utf8'))
      writeFileSync(path, JSON.stringify({ ...config, sessions }))
      const reloads = () => gateways[index]?.log().split('"evt":"config.reload').length ?? 0
      const before = reloads()
      await expect.poll(reloads, { timeout: 5000 }).toBeGreaterThan(before)
    }
    // First both take the new one, as the one before it; then both sign with it.
    const prepared = { secret: next.previous_secret, previous_secret: next.secret }
    for (const index of [0, 1]) await reload(index, prepared)
    expect(await open(1, cookie)).toEqual({ status: 200, renewed: undefined })
    await reload(0, next)
    const { status, renewed = '' } = await open(0, cookie)
    expect([status, renewed]).toEqual([200, expect.stringMatching(/^postern-session=ey/)])
    expect(await open(1, renewed)).toMatchObject({ status: 200 })
    await reload(1, next)
    for (const index of [0, 1]) await reload(index, { secret: next.secret })
    for (const index of [0, 1]) {
      expect(await open(index, renewed)).toEqual({ status: 200, renewed: undefined })
      expect(await open(index, cookie)).toMatchObject({ status: 303 })
    }
  }, 30_000)

  it('never log the secrets', () => {
    const logs = gateways.map((gateway) => gateway.log()).join('')
    for (const secret of Object.values(secrets)) expect(logs).not.toContain(secret)
  })
})
