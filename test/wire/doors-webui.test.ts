import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { doorsForFile, laptop, list, name, stranger } from '../support/doors.ts'
import { until } from '../support/raw.ts'

const doors = doorsForFile()

/** What is answered to an upgrade by way of a front, and the echo of two bytes when it is joined. */
const upgrade = async (
  way: 'front' | 'loopback',
  from: string,
  origin: string | undefined,
  more: readonly string[] = [],
): Promise<string> => {
  const socket = connect(await doors.now[way].portFor(from), '127.0.0.1')
  const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
  const asked = [...(origin === undefined ? [] : [`Origin: ${origin}`]), ...more]
  const head = ['GET /ws/socket.io/accept HTTP/1.1', `Host: ${name}`, ...fields, ...asked]
  socket.write([...head, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''].join('\r\n'))
  let said = ''
  for await (const chunk of socket) {
    said += chunk.toString()
    if (/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/.test(said)) socket.write('hi')
    if (said.endsWith('hi')) break
  }
  return said
}

describe.each(['front', 'loopback'] as const)('a WebSocket to Open WebUI, by the %s', (way) => {
  it.each([
    ['the tailnet', laptop],
    ['the internet', stranger],
  ])('from %s is joined for a page of the name that was asked for', async (_where, from) => {
    expect(await upgrade(way, from, `https://${name}`)).toMatch(/^HTTP\/1\.1 101 [\s\S]*hi$/)
    const { headers } = doors.now.webui.upgrades.at(-1) ?? {}
    expect(headers).toMatchObject({
      host: name,
      'x-forwarded-host': name,
      'x-forwarded-for': from,
      'x-forwarded-proto': 'https',
    })
    expect(Object.keys(headers ?? {}).filter((header) => header.startsWith('tailscale'))).toEqual(
      [],
    )
  })

  it.each([
    ['the Host that a program on a socket sees', 'http://localhost'],
    ['another site', 'https://evil.example'],
    ['a name below ours', `https://x.${name}`],
    ['a name that begins like ours', `https://${name}.evil.example`],
    ['our name on another port', `https://${name}:8443`],
    ['our name with a user', `https://${name}@evil.example`],
    ['no page', 'null'],
  ])('is refused for %s', async (_what, origin) => {
    const before = doors.now.webui.upgrades.length
    const forged = ['X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example']
    expect(await upgrade(way, laptop, origin, forged)).toMatch(/^HTTP\/1\.1 403 /)
    expect(doors.now.webui.upgrades.length).toBe(before)
  })
})

it('a program that names no page is joined, and Open WebUI hears nothing of who is calling', async () => {
  const bearer = 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x'
  expect(await upgrade('front', laptop, undefined, [bearer])).toMatch(/^HTTP\/1\.1 101 /)
  expect(doors.now.webui.upgrades.at(-1)?.headers.authorization).toBe(bearer.slice(15))
})

it('a WebSocket is refused at a door that was shut meanwhile', async () => {
  const origin = `https://${name}`
  await doors.now.gateway.reload({ mode: 'serve' })
  expect(await upgrade('front', stranger, origin)).toMatch(/^HTTP\/1\.1 403 /)
  expect(await upgrade('front', laptop, origin)).toMatch(/^HTTP\/1\.1 101 /)
  await doors.now.gateway.reload({ mode: 'both' })
})

it('a page hears by which name and scheme it was asked for, not the socket’s', async () => {
  const { front, webui } = doors.now
  await front.ask(laptop, { ...list(), path: '/page' })
  await until(() => webui.requests.length > 0)
  expect(webui.requests.at(-1)?.headers).toMatchObject({
    host: name,
    'x-forwarded-host': name,
    'x-forwarded-proto': 'https',
    'x-forwarded-for': laptop,
  })
})

it('Open WebUI kept from the internet is not there for it, and is there for the tailnet', async () => {
  const webui = { url: doors.now.webui.url, public: false }
  await doors.now.gateway.reload({ webui })
  const page = { ...list(), path: '/' }
  expect((await doors.now.front.ask(stranger, page)).status).toBe(404)
  expect((await doors.now.front.ask(laptop, page)).status).toBe(200)
  expect(await upgrade('front', stranger, `https://${name}`)).toMatch(/^HTTP\/1\.1 404 /)
  await doors.now.gateway.reload({})
})
