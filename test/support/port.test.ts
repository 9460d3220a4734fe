import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { freePort, portsFrom } from './parts/port.ts'

const linux = process.platform === 'linux'

const hundredOf = async (next: () => Promise<number>) => {
  const ports: number[] = []
  while (ports.length < 100) ports.push(await next())
  return ports
}

test('no port is handed out twice', async () => {
  expect(new Set(await hundredOf(freePort)).size).toBe(100)
})

test('no port is handed out to two at a time', async () => {
  const first = await freePort()
  const [one, other] = await Promise.all([
    hundredOf(portsFrom(first + 1)),
    hundredOf(portsFrom(first + 1)),
  ])
  expect(new Set([...one, ...other]).size).toBe(200)
})

test('a port that somebody listens on is passed over', async () => {
  const somebody = createServer().listen(0, '127.0.0.1')
  await once(somebody, 'listening')
  const { port } = somebody.address() as AddressInfo
  const next = await portsFrom(port)()
  somebody.close()
  expect(next).not.toBe(port)
})

test.runIf(linux)('no port is one that connections go out from', async () => {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
  const [lowest] = range.trim().split(/\s+/).map(Number)
  expect(Math.max(...(await hundredOf(freePort)))).toBeLessThan(lowest as number)
})
