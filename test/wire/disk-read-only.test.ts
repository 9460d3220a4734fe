import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashSync } from 'bcryptjs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { countUsage, dataDir, query } from '../store/fixtures.ts'
import { startUpstream } from '../support/fake-upstream.ts'
import { freePort } from '../support/parts/port.ts'
import { must, run } from '../support/parts/run.ts'
import { startServer } from '../support/parts/server.ts'
import { chat } from '../support/setup.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** ext4 takes `abort`, with which it behaves as after an error of the disk: open files stay, and nothing is written. */
const canBreakDisks =
  process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/loop-control')

/** A disk in a file; what runs `on` it sees it at `folder`, in a mount namespace that ends with it. */
const disk = async () => {
  const home = dataDir()
  const image = join(home, 'disk')
  const folder = join(home, 'data')
  mkdirSync(folder)
  await must('truncate', ['-s', '32M', image])
  await must('mkfs.ext4', ['-q', image])
  const on = (options: string, ...command: string[]) => {
    const script = 'mount -o "$1" "$2" "$3" && shift 3 && exec "$@"'
    const mount = ['sh', '-c', script, 'sh', `loop${options}`, image, folder]
    return { command: 'unshare', args: ['-m', ...mount, ...command] }
  }
  return { home, folder, on }
}

describe.skipIf(!canBreakDisks)('a disk that takes nothing any more', () => {
  it('stops no traffic, and loses nothing that was acknowledged', { timeout: 60_000 }, async () => {
    const { home, folder, on } = await disk()
    const upstream = await startUpstream({ models: ['m'] })
    onTestFinished(() => upstream.stop())
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const config = join(home, 'postern.hujson')
    writeFileSync(config, JSON.stringify(configOf(port, upstream.url)), { mode: 0o600 })
    const postern = await startServer({
      name: 'postern',
      ...on('', process.execPath, main, 'up', '--config', config, '--data', folder),
      url,
      ready: `${url}/readyz`,
      within: 20_000,
    })
    onTestFinished(() => postern.stop())
    const ask = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) expect((await chat(url, { model: 'm' })).status).toBe(200)
    }
    const readiness = async () => (await fetch(`${url}/readyz`)).status

    await ask(20)
    await expect.poll(() => written(url), { timeout: 5_000 }).toBe(20)
    const pid = await must('pgrep', ['-f', `up --config ${config}`])
    const inside = ['-t', pid.stdout.trim(), '-m', 'mount', '-o', 'remount,abort', folder]
    await must('nsenter', inside)

    await ask(20)
    await expect.poll(readiness, { timeout: 10_000 }).toBe(503)
    await ask(5)
    expect(postern.log()).toContain('ledger.database.lost')
    expect(postern.log()).toContain('ledger.journal.failed')
    await postern.stop()

    const kept = join(home, 'kept')
    const copy = on('', 'cp', '-r', folder, kept)
    await must(copy.command, copy.args)
    expect(await countUsage(kept)).toBe(20)
    expect(await query(kept, 'PRAGMA integrity_check')).toEqual([['ok']])
  })

  it('is told at the start, and nothing is started', { timeout: 30_000 }, async () => {
    const { home, folder, on } = await disk()
    const config = join(home, 'postern.hujson')
    writeFileSync(config, JSON.stringify(configOf(await freePort(), 'http://127.0.0.1:1')))
    const { command, args } = on(
      ',ro',
      ...[process.execPath, main, 'up', '--config', config, '--data', folder],
    )
    const { code, stderr } = await run(command, args)
    expect(code).toBe(1)
    expect(stderr).toContain(folder)
    expect(stderr).toMatch(/read-only/i)
    expect(stderr).not.toContain('    at ')
  })
})

const grant = (src: string, entry: object) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': [entry] },
})

const configOf = (port: number, baseurl: string) => ({
  listeners: [{ name: 'local', bind: `127.0.0.1:${port}` }],
  providers: { local: { baseurl, models: ['m'] } },
  users: { alice: { password: hashSync('alice-password', 4) } },
  rate_limits: [],
  grants: [grant('alice', { role: 'admin', models: '**' })],
})

/** Rows that the database has, as the API counts them. */
const written = async (url: string): Promise<number> => {
  const headers = { authorization: `Basic ${btoa('alice:alice-password')}` }
  const answer = await fetch(`${url}/postern/api/usage`, { headers })
  const { total } = (await answer.json()) as { total: { requests: number } }
  return total.requests
}
