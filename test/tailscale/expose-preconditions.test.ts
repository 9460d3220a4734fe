import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { obstacles } from '../../src/tailscale/expose-preconditions.ts'
import { parseStatus } from '../../src/tailscale/shapes.ts'
import { olderThan } from '../../src/tailscale/version.ts'

const recorded = new URL('../support/tailnet/fixtures/status.json', import.meta.url)
const funnelPorts = 'https://tailscale.com/cap/funnel-ports?ports=443,8443,10000'
const capable = { https: null, funnel: null, [funnelPorts]: null }

const status = (overrides: object = {}, self: object = {}) => {
  const given = JSON.parse(readFileSync(recorded, 'utf8')) as { Self: object }
  return parseStatus(
    JSON.stringify({ ...given, ...overrides, Self: { ...given.Self, CapMap: capable, ...self } }),
  )
}
const open = { port: 443, scheme: 'https', funnel: true } as const
const serve = { ...open, funnel: false }

it.each([
  ['everything is there', status(), open, []],
  ['the port is another of Funnel', status(), { ...open, port: 10000 }, []],
  ['the port is any, for the tailnet', status(), { ...serve, port: 8080 }, []],
  ['a certificate is not needed', status({}, { CapMap: {} }), { ...serve, scheme: 'http' }, []],
  [
    'names are certified, whatever the capabilities say',
    status({ CertDomains: ['gateway.tail.test'] }, { CapMap: {} }),
    serve,
    [],
  ],
  [
    'it is not connected',
    status({ BackendState: 'NeedsLogin' }),
    open,
    [/NeedsLogin.*tailscale up/],
  ],
  [
    'MagicDNS is off',
    status({ CurrentTailnet: { MagicDNSEnabled: false } }),
    open,
    [/MagicDNS is off.*admin\/dns/],
  ],
  [
    'there are no certificates',
    status({}, { CapMap: {} }),
    serve,
    [/certificates.*expose serve --http/],
  ],
  [
    'the version is unsafe',
    status({ Version: '1.102.1-t1' }),
    open,
    [/1\.102\.1-t1.*1\.102\.2.*update/],
  ],
  ['the version is unsafe, for the tailnet', status({ Version: '1.90.0' }), serve, []],
  [
    'the policy does not let it',
    status({}, { CapMap: { https: null, [funnelPorts]: null } }),
    open,
    [/policy.*Funnel.*nodeAttrs/],
  ],
  ['the port is none of Funnel', status(), { ...open, port: 444 }, [/444.*443, 8443, 10000/]],
  [
    'the policy opens other ports',
    status(
      {},
      {
        CapMap: {
          ...capable,
          [funnelPorts]: undefined,
          'https://tailscale.com/cap/funnel-ports?ports=80-90': null,
        },
      },
    ),
    { ...open, port: 85 },
    [],
  ],
  ['it is not encrypted', status(), { ...open, scheme: 'http' }, [/HTTPS only.*--http/]],
] as const)('opens, or says why not, when %s', (_, given, opening, expected) => {
  const said = obstacles(given, opening).map(({ message, remedy }) => `${message}. ${remedy}`)
  expect(said).toHaveLength(expected.length)
  for (const [index, pattern] of expected.entries()) expect(said[index]).toMatch(pattern)
})

it('says everything at once to who lacks everything', () => {
  const bare = status({ Version: '1.80.0' }, { CapMap: {} })
  expect(obstacles(bare, { ...open, port: 1 })).toHaveLength(4)
})

it.each([
  ['1.102.2', false],
  ['1.102.3-ERR-BuildInfo', false],
  ['1.104.0-tabcdef-gabcdef', false],
  ['2.0', false],
  ['1.102.1', true],
  ['1.102', true],
  ['1.99.9', true],
  ['0.200.0', true],
  ['', true],
  ['unknown', true],
])('%j is older than 1.102.2: %s', (version, older) => {
  expect(olderThan(version, '1.102.2')).toBe(older)
})
