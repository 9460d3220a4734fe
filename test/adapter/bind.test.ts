import { statSync } from 'node:fs'
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { preparePlace, withPrivateMode } from '../../src/adapter/node/http/socket-file.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const alice = { authorization: `Basic ${btoa('alice:alice-password')}` }
const onSocket = (socketPath: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/v1/models', headers }, (answer: IncomingMessage) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end()
  })

const socketListener = (name: string) => ({
  name: 'proxy',
  bind: `unix:${name}.sock`,
  trusted_proxies: ['unix'],
})

let gateway: TestGateway | undefined
afterEach(async () => {
  await gateway?.stop()
  gateway = undefined
})

const pathOf = (address: string | undefined): string => (address ?? '').replace(/^unix:/, '')

describe('a listener on a unix socket', () => {
  it('serves those whom its file mode lets in, and believes the proxy about the client', async () => {
    gateway = await startTestGateway({ listeners: [socketListener('gw')] })
    const path = pathOf(gateway.gateway.addresses.get('proxy'))
    expect((await stat(path)).mode & 0o777).toBe(0o660)
    expect(await onSocket(path, {})).toBe(401)
    expect(await onSocket(path, { ...alice, 'x-forwarded-for': '203.0.113.7' })).toBe(200)
    expect(gateway.store.usage.at(-1)).toMatchObject({ clientIp: '203.0.113.7', door: 'public' })
  })

  it('takes over a socket that nobody answers on, as a killed process leaves it', async () => {
    gateway = await startTestGateway({ listeners: [socketListener('a')] })
    const stale = pathOf(gateway.gateway.addresses.get('proxy')).replace('a.sock', 'b.sock')
    await writeFile(stale, '')
    await gateway.reload({ listeners: [socketListener('b')] })
    expect(await onSocket(stale, alice)).toBe(200)
  })

  it('leaves a socket alone that another process answers on', async () => {
    gateway = await startTestGateway({ listeners: [socketListener('a')] })
    const taken = pathOf(gateway.gateway.addresses.get('proxy')).replace('a.sock', 'b.sock')
    const other = createServer((_request, response) => response.end())
    await new Promise<void>((resolve) => other.listen(taken, resolve))
    await expect(gateway.reload({ listeners: [socketListener('b')] })).rejects.toThrow('in use')
    expect(await onSocket(taken, {})).toBe(200)
    await new Promise((resolve) => other.close(resolve))
  })
})

describe('a listener on a unix socket that believes who is calling', () => {
  const serve = (folder: string, more: object = {}) => ({
    mode: 'serve',
    listeners: [{ name: 'tailnet', bind: `unix:${folder}/t.sock`, identity: 'serve', ...more }],
  })
  const caddy = (folder: string) => ({
    mode: 'serve',
    listeners: [{ name: 'node', bind: `unix:${folder}/t.sock`, identity: 'caddy' }],
  })
  const withFolder = async (mode: number, use: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-socket-'))
    await chmod(folder, mode)
    await use(folder).finally(() => rm(folder, { recursive: true, force: true }))
  }

  it('makes its socket for its owner alone', () =>
    withFolder(0o700, async (folder) => {
      gateway = await startTestGateway(serve(folder))
      expect((await stat(`${folder}/t.sock`)).mode & 0o777).toBe(0o600)
    }))

  it.each([0o750, 0o755, 0o710, 0o701, 0o770])('refuses to start in a folder of mode %o', (mode) =>
    withFolder(mode, async (folder) => {
      for (const config of [serve(folder), caddy(folder)]) {
        await expect(startTestGateway(config)).rejects.toThrow(`chmod 700 ${folder}`)
      }
      await expect(stat(`${folder}/t.sock`)).rejects.toThrow('ENOENT')
    }),
  )

  it('makes a folder that is missing for its owner alone', () =>
    withFolder(0o755, async (folder) => {
      gateway = await startTestGateway(serve(`${folder}/inner`))
      expect((await stat(`${folder}/inner`)).mode & 0o777).toBe(0o700)
    }))

  it('closes the data folder to others, which is its own, and leaves it to its group', () =>
    withFolder(0o755, async (folder) => {
      const { gid } = await stat(folder)
      const listener = { name: 'tailnet', identity: 'serve' } as const
      const modeFor = async (more: object) => {
        await chmod(folder, 0o775)
        await preparePlace(join(folder, 't.sock'), { ...listener, ...more }, `${folder}/`)
        return (await stat(folder)).mode & 0o777
      }
      expect(await modeFor({})).toBe(0o700)
      expect(await modeFor({ group: String(gid) })).toBe(0o750)
      expect(await modeFor({ identity: 'none' })).toBe(0o775)
    }))

  it('opens its socket to a group that the configuration names, and to the folder of no other', () =>
    withFolder(0o750, async (folder) => {
      const { gid } = await stat(folder)
      gateway = await startTestGateway(serve(folder, { group: String(gid) }))
      const socket = await stat(`${folder}/t.sock`)
      expect([socket.mode & 0o777, socket.gid]).toEqual([0o660, gid])
      await gateway.stop()
      gateway = undefined
      const other = serve(folder, { group: String(gid + 1) })
      await expect(startTestGateway(other)).rejects.toThrow(`chmod 700 ${folder}`)
      const none = serve(folder, { group: 'no-such-group' })
      await expect(startTestGateway(none)).rejects.toThrow('there is no group "no-such-group"')
    }))

  it('leaves what is in force when a reload names a folder that others may enter', () =>
    withFolder(0o755, async (folder) => {
      gateway = await startTestGateway({ listeners: [socketListener('a')] })
      const path = pathOf(gateway.gateway.addresses.get('proxy'))
      await expect(gateway.reload(serve(folder))).rejects.toThrow('others may enter its folder')
      expect(await onSocket(path, alice)).toBe(200)
    }))

  it('takes rights away from a socket that stays open and is to believe its peers from now on', () =>
    withFolder(0o700, async (folder) => {
      const path = `${folder}/t.sock`
      const plain = { name: 'tailnet', bind: `unix:${path}` }
      gateway = await startTestGateway({ listeners: [plain] })
      expect((await stat(path)).mode & 0o777).toBe(0o660)
      await chmod(folder, 0o755)
      await expect(gateway.reload(serve(folder))).rejects.toThrow('others may enter its folder')
      expect((await stat(path)).mode & 0o777).toBe(0o660)
      await chmod(folder, 0o700)
      await gateway.reload(serve(folder))
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    }))

  it('never lets a socket be open to others, not even before its rights are set', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postern-socket-'))
    const server = createServer()
    const before = process.umask(0)
    try {
      const mode = withPrivateMode(() => {
        server.listen(`${folder}/t.sock`)
        return statSync(`${folder}/t.sock`).mode & 0o777
      })
      expect(mode).toBe(0o600)
      expect(process.umask()).toBe(0)
    } finally {
      process.umask(before)
      server.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('a listener on a port that is taken', () => {
  it('keeps the gateway from starting, and closes what was opened before', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const free = createServer()
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve))
    const first = (free.address() as AddressInfo).port
    await new Promise((resolve) => free.close(resolve))
    const listeners = [
      { name: 'first', bind: `127.0.0.1:${first}` },
      { name: 'second', bind: `127.0.0.1:${port}` },
    ]
    await expect(startTestGateway({ listeners })).rejects.toThrow(`127.0.0.1:${port} is in use`)
    await expect(fetch(`http://127.0.0.1:${first}/healthz`)).rejects.toThrow()
    await new Promise((resolve) => other.close(resolve))
  })
})
