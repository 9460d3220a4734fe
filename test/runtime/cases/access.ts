import { expect, it } from 'vitest'
import { ALICE, ask, BOB, basic, chat, eventually } from '../requests.ts'
import type { Bench } from '../suite.ts'

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { error: { code: string } }).error.code

/** Who gets in, and what those hear who do not. */
export const accessCases = (bench: Bench): void => {
  it('answers /healthz and /readyz to everybody', async () => {
    expect(await (await ask(bench, '/healthz')).json()).toEqual({ status: 'ok' })
    expect((await ask(bench, '/readyz')).status).toBe(200)
  })

  it('gives every request an id that sorts by time (UUIDv7)', async () => {
    const ids: string[] = []
    for (const path of ['/healthz', '/v1/models', '/nowhere']) {
      ids.push((await ask(bench, path)).headers.get('x-request-id') ?? '')
    }
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(
        Math.abs(Number.parseInt(id.replace('-', '').slice(0, 12), 16) - Date.now()),
      ).toBeLessThan(60_000)
    }
  })

  it('refuses requests without credentials in the dialect of the path', async () => {
    const openai = await ask(bench, '/v1/models')
    expect(openai.status).toBe(401)
    expect(openai.headers.get('www-authenticate')).toBe('Basic realm="postern", charset="UTF-8"')
    expect(await openai.json()).toMatchObject({
      error: { type: 'authentication_error', code: 'invalid_credentials' },
      request_id: openai.headers.get('x-request-id'),
    })
    const anthropic = await ask(bench, '/v1/messages', { method: 'POST' })
    expect(anthropic.status).toBe(401)
    expect(await anthropic.json()).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error' },
      request_id: anthropic.headers.get('x-request-id'),
    })
  })

  it.each([
    ['Basic', ALICE],
    ['Bearer user:password', { authorization: 'Bearer alice:alice-password' }],
    ['x-api-key', { 'x-api-key': 'alice:alice-password' }],
  ])('lets alice in with %s', async (_, headers) => {
    expect((await ask(bench, '/v1/models', { headers })).status).toBe(200)
  })

  it('refuses two credentials that disagree', async () => {
    const headers = { ...ALICE, 'x-api-key': 'bob:bob-password' }
    const response = await ask(bench, '/v1/models', { headers })
    expect([response.status, await codeOf(response)]).toEqual([400, 'ambiguous_credentials'])
  })

  it('lists only the models that the caller may use', async () => {
    const response = await ask(bench, '/v1/models', { headers: ALICE })
    const { data } = (await response.json()) as { data: { id: string }[] }
    expect(data.map(({ id }) => id)).toContain('fake-model')
    expect(data.map(({ id }) => id)).not.toContain('secret-model')
  })

  it('refuses a caller whom no grant gives a role', async () => {
    const response = await ask(bench, '/v1/models', { headers: BOB })
    expect([response.status, await codeOf(response)]).toEqual([403, 'no_role'])
  })

  it.each(['nowhere', 'secret-model'])('answers model_not_found for %s', async (model) => {
    const response = await chat(bench, { model })
    expect([response.status, await codeOf(response)]).toEqual([404, 'model_not_found'])
  })

  it('answers 404 on unknown paths under /v1 instead of passing them on', async () => {
    const before = bench.upstream.requests.length
    const response = await ask(bench, '/v1/nothing', { headers: ALICE })
    expect([response.status, await codeOf(response)]).toEqual([404, 'not_found'])
    expect(bench.upstream.requests.length).toBe(before)
  })

  it('refuses a path whose spelling proxies disagree on', async () => {
    const response = await ask(bench, '/v1%2fmodels', { headers: ALICE })
    expect([response.status, await codeOf(response)]).toEqual([400, 'invalid_request'])
  })

  it('takes an encoded spelling of a path for the path itself', async () => {
    expect((await ask(bench, '/v1/%6dodels')).status).toBe(401)
    expect((await ask(bench, '/v1/%6dodels', { headers: ALICE })).status).toBe(200)
  })

  it('gives nothing for a forged identity header, and forwards none', async () => {
    const forged = {
      'tailscale-user-login': 'alice@example.com',
      'x-webauth-user': 'alice@example.com',
      'remote-user': 'alice',
    }
    expect((await ask(bench, '/v1/models', { headers: forged })).status).toBe(401)
    await chat(bench, { model: 'fake-model' }, { headers: forged })
    const names = Object.keys(bench.upstream.requests.at(-1)?.headers ?? {})
    expect(names).toContain('authorization')
    for (const name of Object.keys(forged)) expect(names).not.toContain(name)
  })

  it('refuses an identity header in a look-alike spelling', async () => {
    const headers = { ...ALICE, tailscale_user_login: 'alice@example.com' }
    expect((await ask(bench, '/v1/models', { headers })).status).toBe(400)
  })

  it('bans an address after wrong guesses, and lets a right password from it through', async () => {
    const from = '198.51.100.9'
    const guess = (password: string) =>
      ask(bench, '/v1/models', { from, headers: { authorization: basic('alice', password) } })
    for (const attempt of ['a', 'b', 'c']) expect((await guess(attempt)).status).toBe(401)
    const wrong = await guess('d')
    expect([wrong.status, await codeOf(wrong)]).toEqual([429, 'too_many_failures'])
    expect(Number(wrong.headers.get('retry-after'))).toBeGreaterThan(0)
    const right = await ask(bench, '/v1/models', {
      from,
      headers: { authorization: basic('carol', 'carol-password') },
    })
    // Carol has no grant, so she is known and may do nothing.
    expect([right.status, await codeOf(right)]).toEqual([403, 'no_role'])
    expect((await ask(bench, '/v1/models', { headers: ALICE })).status).toBe(200)
    await eventually(async () => {
      const sql = "SELECT count(*) AS n FROM bans WHERE address = '198.51.100.9'"
      return (await bench.gateway.database.execute(sql)).rows[0]?.n
    }).toBe(1)
  })
}
