import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import bcrypt from 'bcryptjs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import { pathOf } from '../support/parts/part.ts'
import { freePort } from '../support/parts/port.ts'
import { s3rver } from '../support/parts/s3rver.ts'
import { type Server, startServer } from '../support/parts/server.ts'
import { type PosternProcess, startPostern } from '../support/postern.ts'

const hash = bcrypt.hashSync('owner-password', 4)
const soon = { timeout: 20_000, interval: 100 }

describeWith([s3rver], 'a bucket of a real server', () => {
  let folder: string
  let s3: Server
  let postern: PosternProcess

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-s3-'))
    const port = await freePort()
    const where = ['--directory', folder, '--address', '127.0.0.1', '--port', String(port)]
    s3 = await startServer({
      name: 's3rver',
      command: pathOf(s3rver),
      args: [...where, '--configure-bucket', 'gateway-usage'],
      url: `http://127.0.0.1:${port}`,
      ready: `http://127.0.0.1:${port}/`,
      anyAnswer: true,
      within: 30_000,
    })
    const bucket = {
      endpoint: s3.url,
      bucket_name: 'gateway-usage',
      prefix: "it's/(prod)!",
      every: 1,
    }
    postern = await startPostern({
      config: {
        users: { owner: { password: hash } },
        exporters: { s3: { ...bucket, access_key_id: 'S3RVER', access_secret: 'S3RVER' } },
      },
    })
  })
  afterAll(async () => {
    await postern?.stop()
    await s3?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** The objects as the server keeps them. */
  const objects = async (): Promise<Record<string, unknown>[][]> => {
    const names = await readdir(join(folder, 'gateway-usage'), { recursive: true })
    const bodies = names.filter((name) => /\.ndjson\.gz[^/]*_object$/.test(name)).sort()
    return Promise.all(
      bodies.map(async (name) => {
        const bytes = await readFile(join(folder, 'gateway-usage', name))
        const text = gunzipSync(bytes).toString().trimEnd()
        return text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
      }),
    )
  }

  const ask = () =>
    fetch(`${postern.url}/v1/models`, {
      headers: { authorization: `Basic ${btoa('owner:owner-password')}` },
    })

  it('takes every request once, signed, however many objects there are', async () => {
    const ids: (string | null)[] = []
    for (let round = 0; round < 3; round++) {
      for (let each = 0; each < 4; each++) ids.push((await ask()).headers.get('x-request-id'))
      await vi.waitFor(async () => expect((await objects()).flat()).toHaveLength(ids.length), soon)
    }
    const records = (await objects()).flat()
    expect(new Set(records.map((record) => record.request_id))).toEqual(new Set(ids))
    expect((await objects()).length).toBeGreaterThan(2)
    expect(records[0]).toMatchObject({ ver: 2, path: '/v1/models', status_code: 200 })
  })

  it('has what the API exports', async () => {
    const answer = await fetch(`${postern.url}/postern/api/usage.ndjson`, {
      headers: { authorization: `Basic ${btoa('owner:owner-password')}` },
    })
    const lines = (await answer.text()).trimEnd().split('\n')
    const digest = (ids: readonly unknown[]) =>
      createHash('sha256')
        .update([...ids].sort().join())
        .digest('hex')
    const told = lines.map((line) => (JSON.parse(line) as { id: string }).id)
    const sent = (await objects()).flat().map(({ id }) => id)
    expect(digest(sent)).toBe(digest(told))
  })
})
