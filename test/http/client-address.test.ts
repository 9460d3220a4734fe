import { describe, expect, it } from 'vitest'
import {
  addressSet,
  clientAddress,
  contains,
} from '../../src/gateway/http/guards/client-address.ts'

const client = (peer: string, forwardedFor: string | null = null, trusted: string[] = []) =>
  clientAddress(peer, forwardedFor, addressSet(trusted))

describe('clientAddress without trusted proxies', () => {
  it('is the socket peer, whatever X-Forwarded-For claims', () => {
    for (let i = 0; i < 50; i += 1) {
      expect(client('203.0.113.7', `1.2.3.${i}`)).toMatchObject({
        ip: '203.0.113.7',
        key: '203.0.113.7',
        door: 'public',
        loopback: false,
        unbannable: false,
      })
    }
  })

  it.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])('knows %s as loopback', (peer) => {
    expect(client(peer)).toMatchObject({ door: 'local', loopback: true, unbannable: true })
  })

  it('does not take a loopback peer for this machine when it forwards for somebody', () => {
    expect(client('127.0.0.1', '9.9.9.9')).toMatchObject({
      ip: '127.0.0.1',
      door: 'public',
      loopback: false,
      unbannable: true,
    })
    expect(client('127.0.0.1', '')).toMatchObject({ loopback: false })
  })

  it.each([
    ['203.0.113.9:5555', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9:1', '203.0.113.9'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['203.0.113.9:x', '127.0.0.1'],
    ['203.0.113.9:123456', '127.0.0.1'],
  ])('reads what a proxy writes as %s for %s', (forwarded, ip) => {
    expect(client('127.0.0.1', forwarded, ['127.0.0.1'])).toMatchObject({ ip })
  })

  it('tells nothing of a unix socket and never bans it', () => {
    expect(client('unix', '9.9.9.9')).toEqual({
      ip: 'unix',
      key: 'unix',
      door: 'public',
      loopback: false,
      unbannable: true,
      proxied: false,
    })
  })

  it('does not take a peer without an address for a socket', () => {
    expect(client('', '9.9.9.9', ['unix'])).toMatchObject({ ip: 'unknown', loopback: false })
  })

  it('counts IPv4-mapped IPv6 as the IPv4 address it is', () => {
    expect(client('::ffff:203.0.113.7')).toEqual(client('203.0.113.7'))
    expect(client('::ffff:203.0.113.8').key).not.toBe(client('::ffff:203.0.113.7').key)
    expect(client('::ffff:cb00:7107')).toEqual(client('203.0.113.7'))
  })

  it('counts IPv6 by /64, in one spelling', () => {
    const keys = new Set<string>()
    for (let i = 0; i < 1000; i += 1) keys.add(client(`2001:db8:1:2:${i.toString(16)}::${i}`).key)
    expect([...keys]).toEqual(['2001:db8:1:2::/64'])
    expect(client('2001:0DB8:1:2:0:0:0:1')).toMatchObject({ ip: '2001:db8:1:2::1' })
    expect(client('2001:db8:1:3::1').key).toBe('2001:db8:1:3::/64')
    expect(client('2001:db8::1').key).toBe('2001:db8::/64')
  })

  it('leaves out the zone of a link-local address', () => {
    expect(client('fe80::1%eth0')).toMatchObject({ ip: 'fe80::1', key: 'fe80::/64' })
  })
})

describe('clientAddress behind trusted proxies', () => {
  const behind = (forwardedFor: string | null, trusted = ['127.0.0.1', '10.0.0.0/8']) =>
    client('127.0.0.1', forwardedFor, trusted)

  it('is the right-most address that is not itself a trusted proxy', () => {
    expect(behind('9.9.9.9, 203.0.113.7')).toMatchObject({ ip: '203.0.113.7', unbannable: false })
    expect(behind('9.9.9.9, 203.0.113.7, 10.1.2.3')).toMatchObject({ ip: '203.0.113.7' })
    expect(behind('2001:db8:1:2::3')).toMatchObject({ key: '2001:db8:1:2::/64' })
  })

  it('believes a socket peer named unix, and no other', () => {
    expect(client('unix', '203.0.113.7', ['unix']).ip).toBe('203.0.113.7')
    expect(client('203.0.113.9', '203.0.113.7', ['unix']).ip).toBe('203.0.113.9')
    expect(client('unix', 'unix, 203.0.113.7, unix', ['unix']).ip).toBe('unix')
  })

  it.each([
    'unknown',
    '203.0.113.7:443:1',
    '[2001:db8::1',
    '0x7f.1',
    '010.0.0.1',
    '127.1',
    '203.0.113.300',
    '"203.0.113.7"',
    '203.0.113.7 203.0.113.8',
    '',
  ])('stops at %j, which is not an address, and keeps the last good hop', (value) => {
    expect(behind(`9.9.9.9, ${value}, 10.1.2.3`)).toMatchObject({
      ip: '10.1.2.3',
      unbannable: true,
    })
  })

  it('never bans when all that shows is a proxy', () => {
    expect(behind('127.0.0.1')).toMatchObject({
      ip: '127.0.0.1',
      loopback: false,
      unbannable: true,
    })
    expect(behind('10.9.9.9')).toMatchObject({ ip: '10.9.9.9', unbannable: true })
    expect(behind(null)).toMatchObject({ ip: '127.0.0.1', loopback: false, unbannable: true })
  })

  it('matches an IPv4 range against an IPv4-mapped peer, and keeps the families apart', () => {
    expect(client('::ffff:10.1.1.1', '203.0.113.7', ['10.0.0.0/8']).ip).toBe('203.0.113.7')
    expect(client('10.1.1.1', '203.0.113.7', ['::/0']).ip).toBe('10.1.1.1')
  })

  it('is quick about a header of a thousand hops', () => {
    expect(behind(Array(1000).fill('10.1.1.1').join(',')).ip).toBe('10.1.1.1')
  })
})

describe('addressSet', () => {
  it.each(['', 'localhost', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '127.1'])(
    'refuses %j',
    (entry) => {
      expect(() => addressSet([entry])).toThrow(RangeError)
    },
  )

  it('holds what its ranges hold', () => {
    const set = addressSet(['192.0.2.0/24', '2001:db8::/32', 'unix'])
    expect(contains(set, '192.0.2.200')).toBe(true)
    expect(contains(set, '192.0.3.1')).toBe(false)
    expect(contains(set, '2001:db8:ffff::1')).toBe(true)
    expect(contains(set, 'unix')).toBe(true)
    expect(contains(addressSet(['192.0.2.0/24']), 'unix')).toBe(false)
  })
})
