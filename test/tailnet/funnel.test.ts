import { expect, test } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import { expectFixture } from '../support/tailnet/fixtures.ts'
import { headerOf } from '../support/tailnet/http.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName } from '../support/tailnet/rig.ts'
import { forged } from '../support/tailnet/table.ts'
import { doors, seenBy, tailnetScene } from './scene.ts'

const from = '203.0.113.7:55555'

describeWith(tailnetParts, 'the way in from the internet', () => {
  const scene = tailnetScene()
  const headers = [['Host', gatewayName] as const, ...forged]

  test('a stranger is marked, has the address it came from, and is nobody', async () => {
    const seen = seenBy(await scene.now.rig.funnel({ headers }, { from }))
    expect(headerOf(seen.headers, 'Tailscale-Funnel-Request')).toBe('?1')
    expect(headerOf(seen.headers, 'X-Forwarded-For')).toBe('203.0.113.7')
    expect(headerOf(seen.headers, 'X-Forwarded-Host')).toBe(gatewayName)
    expect(headerOf(seen.headers, 'X-Forwarded-Proto')).toBe('https')
    for (const name of ['User-Login', 'User-Name', 'User-Profile-Pic', 'Headers-Info']) {
      expect(headerOf(seen.headers, `Tailscale-${name}`)).toBeUndefined()
    }
    expect(headerOf(seen.headers, 'Tailscale-App-Capabilities')).toBeUndefined()
    await expectFixture('funnel', seen, scene.now.settle)
  })

  test('an IPv6 address is given without brackets', async () => {
    const seen = seenBy(await scene.now.rig.funnel({}, { from: '[2001:db8::7]:55555' }))
    expect(headerOf(seen.headers, 'X-Forwarded-For')).toBe('2001:db8::7')
  })

  test('the same port at the same time knows a tailnet node by name', async () => {
    const { rig } = scene.now
    const outside = { headers }
    const [stranger, alice] = await Promise.all([
      rig.funnel(outside, { from }),
      rig.ask('laptop', outside, { tls: true }),
    ])
    expect(headerOf(seenBy(stranger).headers, 'Tailscale-User-Login')).toBeUndefined()
    expect(headerOf(seenBy(alice).headers, 'Tailscale-User-Login')).toBe('alice@example.com')
    expect(headerOf(seenBy(alice).headers, 'Tailscale-Funnel-Request')).toBeUndefined()
  })

  test('a node of someone else cannot play the relay', async () => {
    const asked = scene.now.rig.funnel({}, { from, relay: 'phone' })
    await expect(asked).rejects.toThrow('ingress: 403 denied; no ingress cap')
  })

  test('a door that is not opened to the internet stays shut', async () => {
    const target = `${gatewayName}:${doors.loopback}`
    const asked = scene.now.rig.funnel({}, { from, target })
    await expect(asked).rejects.toThrow('ingress: 403 denied')
  })
})
