import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../support/parts/need.ts'
import { run } from '../support/parts/run.ts'
import { systemd } from './parts.ts'

const units = new URL('../../deploy/systemd', import.meta.url).pathname

/** Programs that the units start, as the guide lays them out. */
const programs = [
  '/opt/postern/node_modules/.bin/node',
  '/opt/open-webui/bin/open-webui',
  '/usr/bin/caddy',
  '/lib/systemd/systemd-socket-proxyd',
  '/home/.lmstudio/bin/lms',
  '/bin/kill',
]
const targets = ['sysinit', 'basic', 'shutdown', 'network-online', 'sockets', 'multi-user']

/** The part of Caddy's packaged unit that the drop-in changes. */
const caddyUnit = `[Unit]
Description=Caddy
[Service]
Type=notify
ExecStart=/usr/bin/caddy run --environ --config /etc/caddy/Caddyfile
ExecReload=/usr/bin/caddy reload --config /etc/caddy/Caddyfile --force
TimeoutStopSec=5s
`

describeWith([systemd], 'deploy/systemd', () => {
  let root = ''

  /** A machine on which everything the guide asks for is installed. */
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'postern-units-'))
    const folder = join(root, 'etc/systemd/system')
    await cp(units, folder, { recursive: true })
    await writeFile(join(folder, 'caddy.service'), caddyUnit)
    for (const target of targets) {
      await writeFile(join(folder, `${target}.target`), `[Unit]\nDescription=${target}\n`)
    }
    for (const program of programs) {
      await mkdir(dirname(join(root, program)), { recursive: true })
      await writeFile(join(root, program), '#!/bin/sh\n')
      await chmod(join(root, program), 0o755)
    }
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  const verify = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...args], { env })

  test.each([
    'postern.service',
    'open-webui.service',
    'caddy.service',
    'model-bridge.socket',
    'model-bridge.service',
  ])('systemd finds nothing to complain about in %s', async (unit) => {
    const { code, stderr } = await verify([`--root=${root}`, unit])
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  test('systemd finds nothing to complain about in lmstudio.service, as a unit of a user', async () => {
    // The manager of a user takes no --root, but looks where its variables point.
    const { code, stderr } = await verify(['--user', 'lmstudio.service'], {
      HOME: join(root, 'home'),
      XDG_RUNTIME_DIR: root,
      SYSTEMD_UNIT_PATH: join(root, 'etc/systemd/system'),
    })
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  test.each(['postern.service', 'open-webui.service', 'model-bridge.service'])(
    '%s is exposed to 3.0 or less',
    async (unit) => {
      const args = ['security', '--offline=true', '--threshold=30', join(units, unit)]
      const { code, stdout } = await run('systemd-analyze', args)
      expect(stdout).toMatch(/Overall exposure level for \S+: [012]\.\d/)
      expect(code).toBe(0)
    },
  )
})
