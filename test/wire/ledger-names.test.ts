import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type NodeStore, openStore } from '../../src/adapter/node/store/store.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { chat } from '../support/setup.ts'

const owner = { authorization: `Basic ${btoa('owner:owner-password')}` }

let upstream: FakeUpstream
let dir: string
let store: NodeStore
let gateway: TestGateway

/** A model is asked for by two names, gets through twice and is refused twice. */
beforeAll(async () => {
  upstream = await startUpstream()
  dir = mkdtempSync(join(tmpdir(), 'postern-names-'))
  store = await openStore({ url: 'file:postern.db', dataDir: dir, log: () => {} })
  const entry = { role: 'user', models: 'gpu/**', quotas: [{ bucket: 'twice' }] }
  gateway = await startTestGateway(
    {
      providers: { gpu: { baseurl: upstream.url, models: ['qwen3', 'org/other'] } },
      quotas: { twice: { capacity: '3 requests' } },
      grants: [
        { src: ['alice@example.com'], app: { 'tailscale.com/cap/aperture': [entry] } },
        { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] } },
      ],
    },
    { platform: { store } },
  )
  for (const model of ['qwen3', 'gpu/qwen3', 'gpu/org/other', 'qwen3', 'gpu/qwen3']) {
    await (await chat(gateway.url, { model })).text()
  }
  const written = async () => expect((await ask('/requests')).data).toHaveLength(5)
  await vi.waitFor(written, 10_000)
})
afterAll(async () => {
  await gateway.stop()
  await store.close()
  await upstream.stop()
  rmSync(dir, { recursive: true })
})

interface Answer {
  readonly total: Record<string, unknown>
  readonly data: Record<string, unknown>[]
}
const ask = async (path: string): Promise<Answer> =>
  (await fetch(`${gateway.url}/postern/api${path}`, { headers: owner })).json() as Promise<Answer>

const named = ({ data }: Answer) => data.map(({ name, requests }) => [name, requests])

describe('a model that is asked for by two names', () => {
  it('is one line in lists, steps and sums, also where it was refused', async () => {
    const wanted = [
      ['qwen3', 4],
      ['org/other', 1],
    ]
    expect(named(await ask('/usage/top?by=model'))).toEqual(wanted)
    const points = named(await ask('/usage/series?by=model&step=1d'))
    expect(points.toSorted((a, b) => Number(b[1]) - Number(a[1]))).toEqual(wanted)
    for (const model of ['qwen3', 'gpu/qwen3', 'org/other', 'gpu/org/other']) {
      const { total } = await ask(`/usage?model=${encodeURIComponent(model)}`)
      const served = model === 'gpu/qwen3' ? 2 : model === 'qwen3' ? 4 : 1
      expect([model, total.requests]).toEqual([model, served])
      const { data } = await ask(`/requests?model=${encodeURIComponent(model)}`)
      expect([model, data.length]).toEqual([model, served])
    }
  })

  it('stays in each row as the client wrote it', async () => {
    const { data } = await ask('/requests?model=qwen3')
    expect(new Set(data.map(({ model }) => model))).toEqual(new Set(['qwen3', 'gpu/qwen3']))
    expect(new Set(data.map(({ upstream_model }) => upstream_model))).toEqual(new Set(['qwen3']))
  })

  it('is one series of the metrics for what was served, and one for what was refused', async () => {
    const text = await (await fetch(`${gateway.url}/metrics`, { headers: owner })).text()
    const series = text.split('\n').filter((line) => line.startsWith('postern_requests_total{'))
    const models = series.map((line) => /model="([^"]*)"/.exec(line)?.[1])
    expect(models.toSorted()).toEqual(['org/other', 'qwen3', 'qwen3'])
  })
})
