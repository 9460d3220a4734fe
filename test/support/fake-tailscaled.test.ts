import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type FakeTailscaled,
  type FakeTailscaledOptions,
  type FrontOptions,
  startFakeTailscaled,
  type Target,
} from './fake-tailscaled.ts'
import { startBackend } from './tailnet/backend.ts'
import { expectFixture, settling } from './tailnet/fixtures.ts'
import { type Answer, type Ask, askOver, headerOf } from './tailnet/http.ts'
import { capability } from './tailnet/people.ts'
import {
  acceptedAt,
  type FrontRow,
  forged,
  frontRows,
  localAsks,
  recordAll,
  recordedTailnet,
} from './tailnet/table.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const start = async (options: FakeTailscaledOptions = recordedTailnet) => {
  const fake = await startFakeTailscaled(options)
  stops.push(fake.stop)
  return fake
}

const local = ({ socket }: FakeTailscaled, ask: Ask): Promise<Answer> =>
  askOver(connect(socket), { headers: [['Host', 'local-tailscaled.sock']], ...ask })

const get = (fake: FakeTailscaled, path: string) => local(fake, { path: `/localapi/v0${path}` })

const asIs = settling({}, {})
const plain = (text: string) => text

/** A program that tells what it saw, on a port and on a socket. */
const backends = async (fake: FakeTailscaled) => {
  const { port, stop } = await startBackend(0)
  const socket = join(fake.socket, '..', 'backend.sock')
  stops.push(stop, (await startBackend(socket)).stop)
  return { port, socket }
}

describe('as tailscaled 1.102.3 was recorded', () => {
  test.each(['gateway', 'laptop', 'phone', 'runner', 'tablet', 'mask'])(
    'whois of %s',
    async (name) => {
      const fake = await start()
      const all = [recordedTailnet.self, ...fake.people]
      const node = all.find((given) => given?.name === name)
      const { body } = await get(fake, `/whois?addr=${node?.addresses[0]}`)
      await expectFixture(`whois-${name}`, JSON.parse(body), plain)
    },
  )

  test('status', async () => {
    const { body } = await get(await start(), '/status')
    await expectFixture('status', JSON.parse(body), plain)
  })

  test('every other answer of the LocalAPI', async () => {
    const fake = await start()
    const record = await recordAll(localAsks, (ask) => askOver(connect(fake.socket), ask))
    await expectFixture('local-api', record, plain)
  })

  test('a serve-config comes back as it was given', async () => {
    const fake = await start()
    const file = new URL('tailnet/fixtures/serve-config.json', import.meta.url)
    const config = await readFile(file, 'utf8')
    await local(fake, { method: 'POST', path: '/localapi/v0/serve-config', body: config })
    await expectFixture('serve-config', JSON.parse((await get(fake, '/serve-config')).body), plain)
  })

  const asking = async () => {
    const fake = await start()
    const places = await backends(fake)
    return (row: FrontRow) => ask(fake, places, row)
  }
  const ask = (
    fake: FakeTailscaled,
    { port, socket }: { readonly port: number; readonly socket: string },
    { from, door, ask: asked }: FrontRow,
  ) => {
    const target: Target = door === 'socket' ? { socket } : { port: door === 'dead' ? 9 : port }
    const options: FrontOptions = { funnel: door === 'secure', acceptAppCaps: acceptedAt(door) }
    const all = [recordedTailnet.self, ...fake.people]
    const node = all.find((given) => given?.name === from)
    return fake.front(target, options).ask(node?.addresses[0] ?? from, asked)
  }

  test.each([
    ['serve-loopback-gateway', 'gateway', 'loopback'],
    ['serve-loopback-laptop', 'laptop', 'loopback'],
    ['serve-loopback-phone', 'phone', 'loopback'],
    ['serve-loopback-runner', 'runner', 'loopback'],
    ['serve-loopback-tablet', 'tablet', 'loopback'],
    ['serve-loopback-mask', 'mask', 'loopback'],
    ['serve-socket-laptop', 'laptop', 'socket'],
    ['serve-socket-runner', 'runner', 'socket'],
    ['serve-secure-laptop', 'laptop', 'secure'],
    ['funnel', '203.0.113.7', 'secure'],
  ] as const)('%s, whatever it claims', async (fixture, from, door) => {
    const answer = await (await asking())({ from, door, ask: { headers: forged } })
    await expectFixture(fixture, JSON.parse(answer.body), asIs)
  })

  test('every row of the table of odd requests', async () => {
    await expectFixture('front', await recordAll(frontRows, await asking()), asIs)
  })
})

const bob = { name: 'phone', login: 'bob@example.com', addresses: ['100.64.0.3'] }

describe('the LocalAPI in a bad way', () => {
  const asked = '/whois?addr=100.64.0.3'

  test.each([
    ['refuse', 'ECONNREFUSED'],
    ['vanish', 'ENOENT'],
    ['cut', 'aborted'],
  ] as const)('%s is %s, and then it is well again', async (fault, reason) => {
    const fake = await start({ people: [bob] })
    await fake.fault(fault)
    await expect(get(fake, asked)).rejects.toThrow(reason)
    await fake.fault(undefined)
    expect((await get(fake, asked)).status).toBe(200)
  })

  test.each([
    ['fail', 500, 'internal error\n'],
    ['garbage', 200, '<html>not what you asked'],
    [{ body: '{"Node":null}' }, 200, '{"Node":null}'],
    [{ status: 429, body: '' }, 429, ''],
  ] as const)('%j answers %i', async (fault, status, body) => {
    const fake = await start({ people: [bob] })
    await fake.fault(fault)
    expect(await get(fake, asked)).toMatchObject({ status, body })
  })

  test('a hang takes the request and says nothing', async () => {
    const fake = await start({ people: [bob] })
    await fake.fault('hang')
    const answer = get(fake, asked).then(
      () => 'answered',
      () => 'broken off',
    )
    await expect.poll(() => fake.calls).toEqual([`/localapi/v0${asked}`])
    expect(await Promise.race([answer, Promise.resolve('waiting')])).toBe('waiting')
    await fake.restart()
    expect(await answer).toBe('broken off')
  })

  test('a huge answer is JSON of 50 MB', async () => {
    const fake = await start({ people: [bob] })
    await fake.fault('huge')
    const { body } = await get(fake, asked)
    expect(body.length).toBeGreaterThan(50_000_000)
    expect(body.slice(0, 13) + body.slice(-2)).toBe('{"padding":"x"}')
  })

  test('a restart puts another socket in its place', async () => {
    const fake = await start({ people: [bob] })
    const before = await stat(fake.socket)
    await fake.restart()
    const after = await stat(fake.socket)
    expect([after.ino, after.birthtimeMs]).not.toEqual([before.ino, before.birthtimeMs])
    expect(after.mode & 0o777).toBe(0o666)
    expect((await get(fake, asked)).status).toBe(200)
  })
})

describe('what the test declares', () => {
  test('people come and go while it runs', async () => {
    const fake = await start()
    fake.people.push({ name: 'new', login: 'eve@example.com', addresses: ['100.64.0.9'] })
    expect((await get(fake, '/whois?addr=100.64.0.9')).body).toContain('eve@example.com')
    fake.people.pop()
    expect((await get(fake, '/whois?addr=100.64.0.9')).status).toBe(404)
  })

  test('a node of another tailnet is named in full, and marked', async () => {
    const name = 'box.other.ts.net'
    const fake = await start({ people: [{ ...bob, name, shareeNode: true }] })
    const { Node } = JSON.parse((await get(fake, '/whois?addr=100.64.0.3')).body) as {
      Node: { Name: string; Hostinfo: object }
    }
    expect(Node.Name).toBe('box.other.ts.net.')
    expect(Node.Hostinfo).toMatchObject({ ShareeNode: true })
  })

  test('the state and version of the daemon', async () => {
    const fake = await start()
    fake.status = { BackendState: 'Stopped', Version: '1.100.0' }
    const answer = await get(fake, '/status?peers=false')
    expect(JSON.parse(answer.body)).toMatchObject({ BackendState: 'Stopped', Version: '1.100.0' })
    expect(headerOf(answer.headers, 'Tailscale-Version')).toBe('1.100.0')
  })

  test('what is served, set and seen from both sides', async () => {
    const fake = await start()
    expect((await get(fake, '/serve-config')).body).toBe('null')
    fake.serveConfig = { TCP: { 80: { HTTP: true } } }
    const before = await get(fake, '/serve-config')
    expect(JSON.parse(before.body)).toEqual(fake.serveConfig)
    await local(fake, { method: 'POST', path: '/localapi/v0/serve-config', body: '{}' })
    expect(fake.serveConfig).toEqual({})
  })

  test.each([
    ['nobody', '{}', 403, 'serve config denied\n'],
    ['operator', '{}', 200, ''],
    [
      'operator',
      '{"Web":{"h:80":{"Handlers":{"/":{"Proxy":"unix:/x"}}}}}',
      401,
      "must be root, or be an operator and able to run 'sudo tailscale' to serve a path or Unix socket\n",
    ],
  ] as const)('%s may write what it may: %s', async (writer, body, status, said) => {
    const fake = await start({ writer })
    const path = '/localapi/v0/serve-config'
    expect(await local(fake, { method: 'POST', path, body })).toMatchObject({ status, body: said })
    expect((await get(fake, '/serve-config')).status).toBe(200)
  })
})

describe('a front', () => {
  test('that is not open to the internet lets nobody in from there', async () => {
    const fake = await start()
    const front = fake.front({ port: 9 })
    await expect(front.ask('203.0.113.7', {})).rejects.toThrow('ingress: 403 denied')
  })

  test('passes capabilities only when some are accepted', async () => {
    const fake = await start()
    const { port } = await backends(fake)
    const of = async (options: FrontOptions) => {
      const { body } = await fake.front({ port }, options).ask('100.64.0.2', {})
      return body.includes('Tailscale-App-Capabilities')
    }
    expect(await of({})).toBe(false)
    expect(await of({ acceptAppCaps: [capability] })).toBe(true)
  })

  test('serves any client at a port, as the one it is for', async () => {
    const fake = await start()
    const { port } = await backends(fake)
    const front = fake.front({ port }, { tls: true })
    const response = await fetch(`http://127.0.0.1:${await front.portFor('100.64.0.3')}/v1`)
    expect(await response.text()).toContain('bob@example.com')
  })

  test('is 404 to an upgrade for another name, and 502 where nobody is', async () => {
    const fake = await start()
    const upgrade = (host: string) => ({
      headers: { Host: host, Connection: 'Upgrade', Upgrade: 'websocket' },
    })
    const front = fake.front({ port: 9 })
    expect((await front.ask('100.64.0.3', upgrade('other.example'))).status).toBe(404)
    expect((await front.ask('100.64.0.3', upgrade(fake.name))).status).toBe(502)
  })

  test('unpacks what it asked to be packed, and nothing else', async () => {
    const fake = await start()
    const packed = createServer((request, response) => {
      response.setHeader('Content-Encoding', 'gzip')
      response.end(gzipSync(`for ${request.headers['accept-encoding']}`))
    }).listen(0, '127.0.0.1')
    await once(packed, 'listening')
    const front = fake.front({ port: (packed.address() as AddressInfo).port })
    const plainly = await front.ask('100.64.0.3', {})
    expect(plainly.body).toBe('for gzip')
    expect(headerOf(plainly.headers, 'Content-Encoding')).toBeUndefined()
    const asked = await front.ask('100.64.0.3', { headers: { 'Accept-Encoding': 'gzip' } })
    expect(headerOf(asked.headers, 'Content-Encoding')).toBe('gzip')
    packed.close()
  })

  test('passes a stream on as it comes, and a break as a break', async () => {
    const fake = await start()
    const cut = createServer((_, response) => {
      response.write('one', () => setImmediate(() => response.destroy()))
    }).listen(0, '127.0.0.1')
    await once(cut, 'listening')
    const front = fake.front({ port: (cut.address() as AddressInfo).port })
    await expect(front.ask('100.64.0.3', {})).rejects.toThrow('aborted')
    cut.close()
  })
})
