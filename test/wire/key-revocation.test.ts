import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { child, dataDir } from '../store/fixtures.ts'
import { freePort } from '../support/parts/port.ts'
import { postern } from '../support/postern.ts'

const HASH = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'
/** The real command, as a process of its own. */
const command = '../../src/cli/main.ts'

it('a key that was revoked stays so through kill -9 and a restart', {
  timeout: 60_000,
}, async () => {
  const dir = dataDir()
  const port = await freePort()
  const listeners = [{ name: 'local', bind: `127.0.0.1:${port}` }]
  const file = join(dir, 'postern.hujson')
  writeFileSync(file, JSON.stringify({ listeners, users: { owner: { password: HASH } } }))
  const where = ['--config', file, '--data', dir]
  const start = async () => {
    const gateway = child(command, 'up', ...where)
    while (!(await gateway.line()).includes('is open')) {}
    return gateway
  }
  const key = async (...args: string[]) => (await postern(['key', ...args, ...where])).stdout.trim()
  const ask = async (shown: string): Promise<number> => {
    const headers = { authorization: `Bearer ${shown}` }
    return (await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).status
  }
  /** ms until a key is answered so. */
  const becomes = async (shown: string, status: number): Promise<number> => {
    const from = performance.now()
    while ((await ask(shown)) !== status && performance.now() - from < 5000) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return performance.now() - from
  }

  const first = await start()
  const random = await key('create', '--login', 'owner')
  const signed = await key('create', '--login', 'owner', '--signed')
  const kept = await key('create', '--login', 'owner', '--signed')
  for (const each of [random, signed, kept]) expect(await becomes(each, 200)).toBeLessThan(1000)
  await key('revoke', random.slice(0, 10))
  expect(await becomes(random, 401)).toBeLessThan(1000)
  const jti = JSON.parse(Buffer.from(signed.split('.')[1] ?? '', 'base64url').toString()).jti
  await key('revoke', jti)
  expect(await becomes(signed, 401)).toBeLessThan(1000)

  await first.kill()
  await start()
  expect([await ask(random), await ask(signed), await ask(kept)]).toEqual([401, 401, 200])
})
