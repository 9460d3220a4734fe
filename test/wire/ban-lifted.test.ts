import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashSync } from 'bcryptjs'
import { expect, it, onTestFinished } from 'vitest'
import { postern as command } from '../cli/ledger-commands.ts'
import { dataDir } from '../store/fixtures.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { freePort } from '../support/parts/port.ts'
import { startPostern } from '../support/postern.ts'

const databases = {
  file: async () => ({ url: 'file:postern.db' }),
  server: async () => {
    const server = await startLibsqlServer()
    onTestFinished(() => server.close())
    return { url: server.url }
  },
}

it.each(['file', 'server'] as const)(
  'a ban that is lifted in the moment it was imposed ends within five seconds, with the ledger on a %s',
  { timeout: 30_000 },
  async (where) => {
    const database = await databases[where]()
    const dir = dataDir()
    const port = await freePort()
    const listeners = [{ name: 'proxy', bind: `127.0.0.1:${port}`, trusted_proxies: ['127.0.0.1'] }]
    writeFileSync(join(dir, 'postern.hujson'), JSON.stringify({ database }))
    const gateway = await startPostern({
      port,
      dataDir: dir,
      config: {
        database,
        listeners,
        users: { owner: { password: hashSync('owner-password', 4) } },
        auth_failures: { max: 3 },
      },
    })
    onTestFinished(() => gateway.stop())
    const ask = async (password: string): Promise<number> => {
      const headers = {
        'x-forwarded-for': '203.0.113.7',
        authorization: `Basic ${btoa(`owner:${password}`)}`,
      }
      return (await fetch(`${gateway.url}/v1/models`, { headers })).status
    }
    for (const guess of ['one', 'two', 'three']) await ask(guess)
    expect(await ask('four')).toBe(429)

    const removed = await command(dir, 'ban', 'remove', '203.0.113.7')
    expect(removed).toMatchObject({ out: '203.0.113.7 is no longer banned\n', code: 0 })
    // A second more than promised, as other tests have the processor as well.
    await expect.poll(() => ask('five'), { timeout: 6000 }).toBe(401)
  },
)
