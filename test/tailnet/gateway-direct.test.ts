import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import { must } from '../support/parts/run.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import type { Report, Told } from './direct.ts'

/**
 * A daemon with a network device writes addresses, routes and rules: here into namespaces of its own, with nothing in
 * them but loopback, and where neither `/run` nor the list of name servers is the machine's.
 */
const setUp = [
  'set -e',
  'mount -t tmpfs none /run',
  'cp /etc/resolv.conf /run/resolv.conf',
  'mount --bind /run/resolv.conf /etc/resolv.conf',
  'ip link set lo up',
].join('\n')

const enter = (script: string, ...args: readonly string[]) => {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']
  return [...asRoot, '--net', '--mount', 'sh', '-c', `${setUp}\n${script}`, 'sh', ...args]
}

/** Why there can be no such namespace; undefined: there can. */
const missing = (): string | undefined => {
  const tried = spawnSync('unshare', enter('ip tuntap add dev probe0 mode tun'), {
    timeout: 10_000,
  })
  if (tried.status === 0) return undefined
  return String(tried.error?.message ?? tried.stderr).trim() || `ended with ${tried.status}`
}

const reason = missing()
if (reason !== undefined) {
  console.warn(`SKIPPED: the gateway at a tailnet address: no network device of our own: ${reason}`)
}

describe.skipIf(reason !== undefined)('with a network device', () => {
  describeWith(tailnetParts, 'the gateway at its own tailnet address', () => {
    let report: Report
    beforeAll(async () => {
      const script = fileURLToPath(new URL('direct.ts', import.meta.url))
      const args = enter('exec "$@"', process.execPath, script)
      const env = { TS_ASSUME_NETWORK_UP_FOR_TEST: '1' }
      const { stdout } = await must('unshare', args, { env, within: 80_000 })
      report = JSON.parse(stdout) as Report
    })

    const alice = {
      login: 'alice@example.com',
      kind: 'user',
      node: 'laptop',
      clientIp: '100.64.0.2',
    }
    const bob = { login: 'bob@example.com', kind: 'user', node: 'phone', clientIp: '100.64.0.3' }
    const runner = { login: 'tag:ci', kind: 'node', node: 'runner', clientIp: '100.64.0.4' }
    const owner = { login: 'owner', kind: 'password', node: null, clientIp: '127.0.0.1' }
    const ok = { status: 200, door: 'tailnet' }

    test.each<[string, Told]>([
      ['laptop', { ...ok, ...alice }],
      ['phone', { ...ok, ...bob }],
      ['runner', { ...ok, ...runner }],
      ['phone, IPv6', { ...ok, ...bob, clientIp: 'fd7a:115c:a1e0::3' }],
      ['phone, placeholder', { ...ok, ...bob }],
    ])('%s is whom tailscaled names for the peer, with no key', (title, expected) => {
      expect(report[title]).toEqual(expected)
    })

    test('who has no grant is known, and refused', () => {
      expect(report.tablet).toMatchObject({ status: 403, login: 'rené@example.com' })
    })

    test.each<[string, Told]>([
      ['phone, forging', { ...ok, ...bob }],
      ['phone, marked', { ...ok, ...bob }],
      ['phone, two logins', { status: 400 }],
      ['phone, look-alike', { status: 400 }],
      ['phone, wrong password', { status: 401 }],
    ])('headers change nothing: %s', (title, expected) => {
      expect(report[title]).toEqual(expected)
    })

    test('a program of this machine is its owner there, and nobody from another address of it', () => {
      const { 'this machine, by the tailnet': byTailnet } = report
      expect(byTailnet).toEqual({ ...ok, ...alice, node: 'gateway', clientIp: '100.64.0.1' })
      expect(report['this machine, by loopback']).toEqual({ status: 401 })
      const proven = { status: 200, ...owner, door: 'public' }
      expect(report['this machine, by loopback, with a password']).toEqual(proven)
    })

    test('serve leads to a port of loopback that no other machine reaches, so it is believed there', () => {
      expect(report['laptop, by serve to loopback']).toEqual({ ...ok, ...alice })
      expect(report['phone, forging, by serve to loopback']).toEqual({ ...ok, ...bob })
      expect(report['phone, to the port that serve leads to']).toBe('refused')
      expect(report['phone, to the port that believes nobody']).toBe('refused')
    })

    test('the device goes with the daemon, and comes back to a gateway that never stopped', () => {
      expect(report['tailscaled away, a password']).toEqual({
        status: 200,
        ...owner,
        door: 'local',
      })
      expect(report['laptop, after a restart']).toEqual({ ...ok, ...alice })
    })
  })
})
