import { describe, expect, it } from 'vitest'
import { ban, child, dataDir, store } from '../store/fixtures.ts'
import { postern } from './ledger-commands.ts'

const ledger = async (): Promise<string> => {
  const dir = dataDir()
  await (await store({ dataDir: dir })).close()
  return dir
}

const listed = async (dir: string, ...flags: string[]): Promise<Record<string, unknown>[]> =>
  JSON.parse((await postern(dir, 'ban', 'list', '--json', ...flags)).out)

describe('postern ban add', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:DB8::5', '2001:db8::/64'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['2001:db8:1:2::/48', '2001:db8:1::/48'],
  ])('shuts %s out as %s until it is removed', async (given, address) => {
    const dir = await ledger()
    expect(await postern(dir, 'ban', 'add', given, '--note', 'why')).toMatchObject({ code: 0 })
    expect(await listed(dir)).toMatchObject([{ address, cause: 'admin', until: null, note: 'why' }])
  })

  it.each(['127.0.0.1', '127.9.9.9/32', '::1', '::/0', '0.0.0.0/0', '::ffff:127.0.0.1'])(
    'refuses %s, which takes in this machine',
    async (address) => {
      const dir = await ledger()
      const { code, error } = await postern(dir, 'ban', 'add', address)
      expect([code, error]).toEqual([2, expect.stringContaining('this machine itself')])
      expect(await listed(dir)).toEqual([])
    },
  )

  it.each([['example.com'], ['192.0.2'], ['192.0.2.1/33'], ['unix'], ['192.0.2.1', '--for', '1x']])(
    'calls %s %s %s wrong usage',
    async (...args) => {
      expect(await postern(await ledger(), 'ban', 'add', ...args)).toMatchObject({ code: 2 })
    },
  )

  it('given twice leaves one ban, with the later end', async () => {
    const dir = await ledger()
    await postern(dir, 'ban', 'add', '192.0.2.7', '--for', '1h')
    await postern(dir, 'ban', 'add', '192.0.2.7', '--for', '2h')
    const [only, ...others] = await listed(dir)
    expect(others).toEqual([])
    const left = Date.parse(String(only?.until)) - Date.now()
    expect(left).toBeGreaterThan(7_100_000)
  })

  it('reaches a running gateway within a second, and so does removal', async () => {
    const dir = dataDir()
    const running = await store({ dataDir: dir })
    const changes: string[][] = []
    const next = (): Promise<string[]> =>
      new Promise((resolve) =>
        running.onBansChanged((bans) => resolve(bans.map(({ address }) => address))),
      )
    for (const [verb, after] of [
      ['add', ['192.0.2.7']],
      ['remove', []],
    ] as const) {
      const change = next()
      await postern(dir, 'ban', verb, '192.0.2.7')
      const from = performance.now()
      changes.push(await change)
      expect(changes.at(-1)).toEqual(after)
      expect(performance.now() - from).toBeLessThan(1000)
    }
  })

  it('waits for another process that holds the ledger', async () => {
    const dir = await ledger()
    const holder = child('./lock-holder.ts', dir)
    await holder.line()
    const added = postern(dir, 'ban', 'add', '192.0.2.7')
    setTimeout(() => holder.process.stdin?.end(), 300)
    expect(await added).toMatchObject({ code: 0 })
  })
})

describe('postern ban remove', () => {
  it('succeeds whether or not there was a ban, and says what still covers the address', async () => {
    const dir = await ledger()
    await postern(dir, 'ban', 'add', '192.0.2.7')
    await postern(dir, 'ban', 'add', '192.0.2.0/24')
    const remove = () => postern(dir, 'ban', 'remove', '192.0.2.7')
    expect(await remove()).toMatchObject({
      code: 0,
      out: '192.0.2.7 is no longer banned, but 192.0.2.0/24 still covers it\n',
    })
    expect((await remove()).out).toContain('was not banned')
  })
})

describe('postern ban list', () => {
  it('shows lapsed bans only when it is asked to', async () => {
    const dir = dataDir()
    const running = await store({ dataDir: dir })
    await running.saveBan(ban({ until: Date.now() - 1 }))
    expect(await listed(dir)).toEqual([])
    expect(await listed(dir, '--all')).toHaveLength(1)
    expect((await postern(dir, 'ban', 'list')).out).toBe('nobody is banned\n')
    expect((await postern(dir, 'ban', 'list', '--all')).out).toContain('(lapsed)')
  })

  it('says where it looked when there is no ledger', async () => {
    const dir = dataDir()
    const { code, error } = await postern(dir, 'ban', 'list')
    expect([code, error]).toEqual([1, expect.stringContaining(`no ledger at ${dir}`)])
  })
})
