import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMachine } from '../../src/adapter/node/doctor/doctor.ts'
import { checkGateway } from '../../src/admin/doctor/checks/gateway.ts'
import type { MachineFacts } from '../../src/platform/machine.ts'
import type { Shared } from '../../src/platform/platform.ts'
import { testConfig } from '../support/config.ts'
import { startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway } from '../support/gateway.ts'
import { freePort } from '../support/parts/port.ts'
import { complaints, given } from './patient.ts'

const dataDir = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'doctor-gateway-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Sockets as they are; what is told of the rest. */
const look = async (binds: readonly (string | object)[], facts: Partial<MachineFacts> = {}) => {
  const folder = await dataDir()
  const { ask, absolute } = createMachine({
    dataDir: folder,
    config: () => testConfig({}),
    running: async () => true,
  })
  const listeners = binds.map((bind, at) =>
    typeof bind === 'string' ? { name: `l${at}`, bind } : { name: `l${at}`, ...bind },
  )
  return { config: { listeners }, facts, machine: { ask, absolute } }
}
const said = async (...args: Parameters<typeof look>) =>
  complaints(checkGateway, await look(...args))

/** Gateways to count with, of which none counts anything. */
const noOthers: Shared = {
  take: async () => 0,
  fail: async () => 0,
  forget: async () => {},
  announce: async () => {},
  onBan: () => {},
  trouble: () => undefined,
}

describe('the gateway', () => {
  it('answers on each of its listeners, whatever they believe', async () => {
    const folder = await dataDir()
    const sockets = ['none', 'serve', 'caddy'].map((identity) => ({
      bind: `unix:${join(folder, `${identity}.sock`)}`,
      identity,
    }))
    const listeners = sockets.map((it, at) => ({ name: `l${at}`, ...it }))
    const gateway = await startTestGateway({ listeners })
    onTestFinished(() => gateway.stop())
    const patient = await look(sockets)
    const findings = await checkGateway(given(patient))
    expect(findings.map(({ id }) => id)).toEqual(['gateway.fine', 'gateway.fine', 'gateway.fine'])
  })

  it('is not running: said once for all listeners', async () => {
    const binds = [`127.0.0.1:${await freePort()}`, 'unix:tailnet.sock']
    expect(await said(binds, { running: false })).toEqual(['warning gateway.stopped l0'])
  })

  it('runs, and one of its listeners is not open', async () => {
    expect(await said(['unix:gone.sock'], { running: true })).toEqual(['error gateway.silent l0'])
  })

  it('names the part that fails', async () => {
    const gateway = await startTestGateway()
    onTestFinished(() => gateway.stop())
    gateway.store.setHealthy(false)
    const [finding] = await checkGateway(given(await look([`127.0.0.1:${gateway.port}`])))
    expect(finding).toMatchObject({
      id: 'gateway.not_ready',
      severity: 'error',
      says: expect.stringContaining('database fails'),
    })
  })

  it('counts alone: the Redis is to blame, or what the gateway knows of it', async () => {
    const trouble = () => 'WRONGPASS'
    const shared = { ...noOthers, trouble }
    const gateway = await startTestGateway({}, { platform: { shared } })
    onTestFinished(() => gateway.stop())
    const patient = await look([`127.0.0.1:${gateway.port}`])
    const config = { ...patient.config, redis: { url: 'redis://10.0.0.5:6379' } }
    const findings = async (redis: string | undefined) => {
      const machine = { ...patient.machine, redis: async () => redis }
      return (await checkGateway(given({ ...patient, config, machine }))).map(
        ({ id, says }) => `${id}: ${says}`,
      )
    }
    expect(await findings(undefined)).toEqual([
      `gateway.alone: the gateway at 127.0.0.1:${gateway.port} counts limits for itself: it cannot use its Redis`,
    ])
    expect(await findings('WRONGPASS')).toEqual([
      'gateway.redis_away: the Redis at 10.0.0.5:6379 cannot be used: WRONGPASS',
    ])
  })

  it('is another one, with other data', async () => {
    const gateway = await startTestGateway()
    onTestFinished(() => gateway.stop())
    expect(await said([`127.0.0.1:${gateway.port}`], { running: false })).toEqual([
      'warning gateway.elsewhere l0',
    ])
  })

  it('has lost its address to another program, of HTTP or not', async () => {
    const other = await startUpstream(({ response }) => {
      response.end('<h1>It works!</h1>')
      return true
    })
    onTestFinished(() => other.stop())
    expect(await said([`127.0.0.1:${other.port}`], { running: false })).toEqual([
      'error gateway.address_taken l0',
    ])
    const ssh = createServer((socket) =>
      socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'),
    )
    await new Promise<void>((resolve) => ssh.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void ssh.close())
    const address = ssh.address()
    const port = typeof address === 'object' && address ? address.port : 0
    expect(await said([`127.0.0.1:${port}`])).toEqual(['error gateway.address_taken l0'])
  })

  it('takes connections and does not answer', async () => {
    const deaf = await startUpstream(() => true)
    onTestFinished(() => deaf.stop())
    const started = performance.now()
    expect(await said([`127.0.0.1:${deaf.port}`])).toEqual(['error gateway.hangs l0'])
    expect(performance.now() - started).toBeLessThan(3000)
  })

  it('is to bind an address that is not of this machine', async () => {
    const facts = { addresses: [{ interface: 'eth0', address: '192.168.1.5' }] }
    const [finding] = await checkGateway(given(await look(['10.9.9.9:80'], facts)))
    expect(finding).toMatchObject({
      id: 'gateway.foreign_address',
      severity: 'error',
      remedy: expect.stringContaining('192.168.1.5'),
    })
  })

  it('has a socket that this user may not open', async () => {
    const ask = () => Promise.reject(Object.assign(new Error('denied'), { code: 'EACCES' }))
    const patient = await look(['unix:tailnet.sock'])
    const closed = { ...patient, machine: { ...patient.machine, ask } }
    expect(await complaints(checkGateway, closed)).toEqual(['unknown gateway.closed l0'])
  })

  it('chooses its port at its start: there is none to ask at', async () => {
    expect(await checkGateway(given(await look(['127.0.0.1:0'])))).toEqual([])
  })
})
