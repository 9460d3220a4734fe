import { expect, test } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'
import { gatewayName } from '../support/tailnet/rig.ts'
import { tailnetScene } from './scene.ts'

describeWith(tailnetParts, 'the command line of tailscale', () => {
  const scene = tailnetScene()
  const cli = (...args: readonly string[]) => scene.now.rig.nodes.gateway.cli(...args)
  const configured = async (): Promise<unknown> =>
    JSON.parse((await cli('serve', 'status', '--json')).stdout)

  test('serve adds one port to what is there, and off takes it away again', async () => {
    const before = await configured()
    await cli('serve', '--bg', '--http=8088', 'http://127.0.0.1:9')
    expect(await configured()).toMatchObject({
      TCP: { 80: { HTTP: true }, 8088: { HTTP: true } },
      Web: { [`${gatewayName}:8088`]: { Handlers: { '/': { Proxy: 'http://127.0.0.1:9' } } } },
    })
    await cli('serve', '--http=8088', 'off')
    expect(await configured()).toEqual(before)
  })

  test('status --json is what the LocalAPI says', async () => {
    const answer = await scene.now.rig.nodes.gateway.local({ path: '/localapi/v0/serve-config' })
    expect(await configured()).toEqual(JSON.parse(answer.body))
  })

  test.each([
    [['serve', '--bg', '--https=8443', '8081'], 'error enabling https feature: error 501'],
    [['funnel', '--bg', '8081'], 'Funnel not available; HTTPS must be enabled.'],
    [['funnel', '443', 'on'], 'Error: the CLI for serve and funnel has changed.'],
  ])('%j is refused, and changes nothing', async (args, reason) => {
    const before = await configured()
    await expect(cli(...args)).rejects.toThrow(reason)
    expect(await configured()).toEqual(before)
  })

  test('serve on a port that is open to the internet closes it', async () => {
    const { rig } = scene.now
    const config = { TCP: { 80: { HTTP: true } }, AllowFunnel: { [`${gatewayName}:80`]: true } }
    const handlers = { Handlers: { '/': { Proxy: 'http://127.0.0.1:9' } } }
    await rig.serve({ ...config, Web: { [`${gatewayName}:80`]: handlers } })
    expect(await configured()).toMatchObject({ AllowFunnel: { [`${gatewayName}:80`]: true } })
    const { stderr } = await cli('serve', '--bg', '--http=80', 'http://127.0.0.1:9')
    expect(stderr).toContain(`Removing Funnel for ${gatewayName}:${gatewayName}:80\n`) // sic
    expect(await configured()).not.toHaveProperty('AllowFunnel')
  })

  test('reset leaves nothing', async () => {
    await cli('funnel', 'reset')
    expect(await configured()).toEqual({})
  })
})
