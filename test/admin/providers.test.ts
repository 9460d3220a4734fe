import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { chat } from '../support/setup.ts'

let upstream: FakeUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream({ models: ['tiny'] })
  gateway = await startTestGateway({
    providers: {
      local: {
        baseurl: upstream.url,
        add_headers: ['x-team: sk-in-header'],
        models: ['tiny'],
        name: 'Cellar',
        apikey: 'sk-own',
        limits: { concurrency: 2 },
      },
      gone: { baseurl: 'http://127.0.0.1:9', models: ['nobody-home'] },
      old: { baseurl: upstream.url, models: ['tiny'], disabled: true },
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.stop()
})

const owner = { authorization: `Basic ${btoa('owner:owner-password')}` }
const ask = async (path: string) => {
  const answer = await fetch(gateway.url + path, { headers: owner })
  expect(answer.status).toBe(200)
  return answer.text()
}
const rows = async () => {
  const { data } = JSON.parse(await ask('/postern/api/providers')) as {
    data: Record<string, unknown>[]
  }
  return Object.fromEntries(data.map((row) => [row.id, row]))
}

describe('GET /postern/api/providers', () => {
  it('says nothing of who was not asked yet', async () => {
    const { local, old } = await rows()
    expect(local).toMatchObject({ name: 'Cellar', up: null, answered_at: null, concurrency: 2 })
    expect(old).toMatchObject({ disabled: true, up: null })
  })

  it('tells who answered, who did not and why, and how busy each is', async () => {
    await chat(gateway.url, { model: 'tiny' }, { headers: owner })
    await chat(gateway.url, { model: 'nobody-home' }, { headers: owner })
    const { local, gone } = await rows()
    expect(local).toMatchObject({ up: true, failure: null, open: 0, waiting: 0 })
    expect(Date.parse(String(local?.answered_at))).toBeGreaterThan(0)
    expect(gone).toMatchObject({ up: false, answered_at: null, failure: { kind: 'connect' } })
  })

  it('holds no secret, wherever its owner wrote it', async () => {
    expect(await ask('/postern/api/providers')).not.toMatch(/sk-/)
  })
})

describe('GET /api/providers', () => {
  it('lists them as Aperture does, disabled ones among them', async () => {
    const list = JSON.parse(await ask('/api/providers')) as { id: string }[]
    expect(list.map(({ id }) => id)).toEqual(['local', 'gone', 'old'])
    expect(list[0]).toEqual({
      id: 'local',
      name: 'Cellar',
      description: '',
      models: ['tiny'],
      compatibility: { openai_chat: true },
    })
  })

  it('is for admins', async () => {
    const answer = await fetch(`${gateway.url}/api/providers`, {
      headers: { authorization: `Basic ${btoa('alice:alice-password')}` },
    })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
  })
})
