import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { startFakeTailscaled } from '../support/fake-tailscaled.ts'
import { postern } from '../support/postern.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const up = async (config: (folder: string) => unknown) => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-start-'))
  stops.push(() => rm(folder, { recursive: true }))
  const file = join(folder, 'postern.hujson')
  await writeFile(file, JSON.stringify(config(folder)), { mode: 0o600 })
  return postern(['up', '--config', file, '--data', join(folder, 'data')])
}

it('ends with 1 when an address is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  stops.push(() => other.close())
  const { port } = other.address() as AddressInfo
  const ran = await up(() => ({ listeners: [{ name: 'a', bind: `127.0.0.1:${port}` }] }))
  expect(ran.code).toBe(1)
  expect(ran.stderr).toContain(`postern: 127.0.0.1:${port} is in use by another process`)
})

it('ends with 1 when tailscaled lets the internet in and the configuration does not', async () => {
  const fake = await startFakeTailscaled()
  stops.push(fake.stop)
  const ran = await up((folder) => {
    const target = `unix:${folder}/data/tailnet.sock`
    fake.serveConfig = {
      TCP: { 443: { HTTPS: true } },
      Web: { [`${fake.name}:443`]: { Handlers: { '/': { Proxy: target } } } },
      AllowFunnel: { [`${fake.name}:443`]: true },
    }
    const listeners = [{ name: 't', bind: 'unix:tailnet.sock', identity: 'serve' }]
    return { mode: 'serve', listeners, tailscale: { socket: fake.socket } }
  })
  expect(ran.code).toBe(1)
  expect(ran.stderr).toMatch(
    /postern: nothing was started\ntailscale: error: .*lets the internet in/,
  )
})
