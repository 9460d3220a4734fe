import { describe, expect, it } from 'vitest'
import {
  basic,
  capability,
  codeOf,
  completion,
  doorsForFile,
  evil,
  grant,
  grants,
  guest,
  hostileName,
  laptop,
  list,
  mask,
  noisy,
  phone,
  runner,
  server,
  stranger,
  tablet,
} from '../support/doors.ts'
import { until } from '../support/raw.ts'
import { type Answer, headerOf } from '../support/tailnet/http.ts'

const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status)
const times = <T>(count: number, act: (i: number) => T) =>
  Array.from({ length: count }, (_, i) => act(i))

/** ms that the gateway itself took. */
const msOf = ({ headers }: Answer): number =>
  Number(/gateway;dur=([\d.]+)/.exec(headerOf(headers, 'server-timing') ?? '')?.[1])

/** Longer than anything that was learned is remembered. */
const longAgo = 60_000

describe('tailscaled in a bad way', () => {
  const doors = doorsForFile({ auth_failures: { max: 3 } })

  it.each([
    'hang',
    'refuse',
    'vanish',
    'fail',
    'garbage',
    'huge',
    'cut',
    { body: '{"Node":null}' },
    { body: 'null' },
    { body: '[]' },
    {
      body: '{"Node":{"Name":"laptop"},"UserProfile":{"ID":"2","LoginName":["alice@example.com"]}}',
    },
    { status: 204, body: '' },
    { status: 301, body: '' },
    { status: 403, body: 'access denied' },
  ] as const)(
    '%j: no identity, passwords as ever, and well again without a restart',
    async (fault) => {
      const { front, tailscaled, gateway, pass } = doors.now
      pass(longAgo)
      expect((await front.ask(laptop, list())).status).toBe(200)
      pass(longAgo)
      await tailscaled.fault(fault)
      const bare = await front.ask(laptop, completion())
      expect([bare.status, codeOf(bare)]).toEqual([401, 'invalid_credentials'])
      expect(msOf(bare)).toBeLessThan(600)
      const more = await Promise.all(times(10, () => front.ask(laptop, list())))
      expect(new Set(statuses(more))).toEqual(new Set([401]))
      expect((await front.ask(laptop, list([basic('alice')]))).status).toBe(200)
      expect((await front.ask(stranger, list([basic('alice')]))).status).toBe(200)
      expect(gateway.store.bans).toEqual([])
      await tailscaled.fault(undefined)
      pass(1_000)
      expect((await front.ask(laptop, list())).status).toBe(200)
    },
  )

  it('a daemon that hangs is waited for once, by all together, and then not for a second', async () => {
    const { front, tailscaled, pass } = doors.now
    pass(longAgo)
    await tailscaled.fault('hang')
    const before = tailscaled.calls.length
    const answers = await Promise.all(times(40, () => front.ask(laptop, list())))
    expect(new Set(statuses(answers))).toEqual(new Set([401]))
    expect(tailscaled.calls.slice(before)).toHaveLength(1)
    for (const from of [laptop, phone])
      expect(msOf(await front.ask(from, list()))).toBeLessThan(100)
    await tailscaled.fault(undefined)
  })

  it('a restart in the middle breaks one question off, and the next is answered', async () => {
    const { front, tailscaled, pass } = doors.now
    pass(longAgo)
    await tailscaled.fault('hang')
    const calls = tailscaled.calls.length
    const asking = front.ask(laptop, list())
    await until(() => tailscaled.calls.length > calls)
    await tailscaled.fault(undefined)
    await tailscaled.restart()
    expect((await asking).status).toBe(401)
    pass(1_000)
    expect((await front.ask(laptop, list())).status).toBe(200)
  })

  it('who was known a moment ago is known while tailscaled restarts, and not for longer', async () => {
    const { front, tailscaled, pass } = doors.now
    pass(longAgo)
    expect((await front.ask(laptop, list())).status).toBe(200)
    await tailscaled.fault('vanish')
    pass(29_000)
    expect((await front.ask(laptop, list())).status).toBe(200)
    pass(1_001)
    expect((await front.ask(laptop, list())).status).toBe(401)
    await tailscaled.fault(undefined)
  })
})

describe('what tailscaled says of a caller', () => {
  const doors = doorsForFile()
  const ask = (from: string, given = list()) => doors.now.front.ask(from, given)
  const reload = (more: readonly object[]) =>
    doors.now.gateway.reload({ grants: [...grants, ...more] })
  const rowOf = async (from: string) => {
    const { usage } = doors.now.gateway.store
    const before = usage.length
    expect((await ask(from, completion())).status).toBe(200)
    await until(() => usage.length > before)
    return usage.at(-1)
  }

  it('an address that went to another node is nobody’s until what was known is old', async () => {
    const { tailscaled, pass } = doors.now
    expect((await ask(phone)).status).toBe(200)
    const was = tailscaled.people.find(({ addresses }) => addresses.includes(phone))
    const at = tailscaled.people.indexOf(was as NonNullable<typeof was>)
    tailscaled.people[at] = { name: 'new', login: 'alice@example.com', addresses: [phone] }
    const between = await ask(phone)
    expect([between.status, codeOf(between)]).toEqual([400, 'identity_conflict'])
    pass(30_001)
    expect(await rowOf(phone)).toMatchObject({ login: 'alice@example.com', node: 'new' })
    tailscaled.people[at] = was as NonNullable<typeof was>
    pass(30_001)
  })

  it('a node that has just joined is known five seconds after it was not', async () => {
    const { tailscaled, pass } = doors.now
    expect((await ask('100.64.0.50')).status).toBe(401)
    tailscaled.people.push({ name: 'n', login: 'alice@example.com', addresses: ['100.64.0.50'] })
    expect((await ask('100.64.0.50')).status).toBe(401)
    pass(5_001)
    expect((await ask('100.64.0.50')).status).toBe(200)
  })

  it('a tagged node is what its tags are granted', async () => {
    const refused = await ask(server)
    expect([refused.status, codeOf(refused)]).toEqual([403, 'no_role'])
    await reload([grant(['tagged-devices', 'group:family'])])
    expect((await ask(server)).status).toBe(403)
    await reload([grant(['tag:web'])])
    expect((await ask(server)).status).toBe(200)
    expect(await rowOf(runner)).toMatchObject({ login: 'tag:ci', kind: 'node', node: 'runner' })
  })

  it('a guest of another tailnet is not everyone, unless the grant says so', async () => {
    await reload([grant(['*'])])
    expect(statuses([await ask(guest), await ask(evil)])).toEqual([403, 200])
    await reload([grant(['*'], '**', { shared: true })])
    expect((await ask(guest)).status).toBe(200)
    await reload([grant(['eve@other.example'])])
    expect(statuses([await ask(guest), await ask(evil)])).toEqual([200, 403])
    await reload([])
  })

  it('alice of another domain is another', async () => {
    const answer = await ask(evil)
    expect([answer.status, codeOf(answer)]).toEqual([403, 'no_role'])
    await reload([grant(['alice'])])
    expect((await ask(evil)).status).toBe(403)
    await reload([])
  })

  it('a login in letters beyond ASCII is the letters', async () => {
    expect(await rowOf(tablet)).toMatchObject({ login: 'rené@example.com', node: 'tablet' })
  })

  it('a login that only reads like an encoded one is itself', async () => {
    expect((await ask(mask)).status).toBe(403)
    await reload([grant(['=?utf-8?q?alice=40example.com?='])])
    expect(await rowOf(mask)).toMatchObject({ login: '=?utf-8?q?alice=40example.com?=' })
    await reload([])
  })

  it('a display name of 8 kB and a script goes nowhere', async () => {
    await reload([grant(['carol@example.com'])])
    const row = await rowOf(noisy)
    expect(row).toMatchObject({ login: 'carol@example.com', node: 'noisy' })
    const kept = JSON.stringify([doors.now.gateway.store.usage, doors.now.gateway.log])
    expect(kept).not.toContain(hostileName.slice(0, 20))
    await doors.now.front.ask(noisy, { ...list(), path: '/x' })
    expect(JSON.stringify(doors.now.webui.requests.at(-1)?.headers)).not.toContain('script')
    await reload([])
  })

  it('counts at a socket file only, where every node could reach our ports of loopback', async () => {
    const { tailscaled, loopback, front, pass } = doors.now
    const well = tailscaled.status
    expect((await loopback.ask(laptop, list())).status).toBe(200)
    tailscaled.status = { ...well, TUN: false }
    pass(30_001)
    const answers = [
      await loopback.ask(laptop, list()),
      await loopback.ask(runner, list()),
      await loopback.ask(laptop, list([basic('alice')])),
      await front.ask(laptop, list()),
    ]
    expect(statuses(answers)).toEqual([401, 401, 200, 200])
    tailscaled.status = well
    pass(30_001)
  })

  it('letters of a login do not differ by case', async () => {
    expect(await rowOf(phone)).toMatchObject({ login: 'bob@example.com' })
  })
})

describe('what the tailnet’s own policy grants', () => {
  const doors = doorsForFile({ grants: [grants[0]] })
  const granting = (from: string, entries: readonly unknown[], named = capability) => {
    const { tailscaled, pass } = doors.now
    const at = tailscaled.people.findIndex(({ addresses }) => addresses.includes(from))
    const node = tailscaled.people[at] as (typeof tailscaled.people)[number]
    tailscaled.people[at] = { ...node, capMap: { [named]: entries } }
    pass(30_001)
  }
  const models = async (from: string): Promise<readonly string[]> => {
    const answer = await doors.now.front.ask(from, list())
    if (answer.status !== 200) return [String(answer.status)]
    return (JSON.parse(answer.body) as { data: { id: string }[] }).data.map(({ id }) => id)
  }

  it('holds here, for people and tags alike, and only for them', async () => {
    granting(laptop, [{ role: 'user', models: ['local/m'] }])
    granting(runner, [{ role: 'user', models: 'local/slow' }])
    expect(await Promise.all([laptop, runner, phone].map(models))).toEqual([
      ['m'],
      ['slow'],
      ['403'],
    ])
  })

  it.each([
    ['a capability of another name', 'example.com/cap/other', [{ role: 'user', models: '**' }]],
    ['no role', capability, [{ models: '**' }]],
    ['what cannot be read', capability, ['x', null, 7, { role: 'root', models: '**' }]],
    ['an empty list', capability, []],
  ])('is nothing by %s', async (_what, named, entries) => {
    granting(phone, entries, named)
    expect(await models(phone)).toEqual(['403'])
  })

  it('cannot be brought along by the caller', async () => {
    const claim = JSON.stringify({ [capability]: [{ role: 'admin', models: '**' }] })
    granting(phone, [])
    const header = ['Tailscale-App-Capabilities', claim] as const
    expect((await doors.now.front.ask(phone, list([header]))).status).toBe(403)
    expect((await doors.now.front.ask(stranger, list([header]))).status).toBe(401)
  })

  it('comes with the header for a Service, which whois does not tell', async () => {
    const accepting = doors.now.tailscaled.front(
      { socket: doors.now.socket },
      { acceptAppCaps: [capability], tls: true },
    )
    granting(runner, [{ role: 'user', models: 'local/slow' }])
    expect((await accepting.ask(runner, list())).status).toBe(200)
  })
})
