import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { createClient } from '@libsql/client'
import { expect, it, onTestFinished } from 'vitest'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { freePort } from '../support/parts/port.ts'
import { run } from '../support/parts/run.ts'

const root = resolve(import.meta.dirname, '../..')

/** The blocks of docs/workers.md for a run on one's own machine. */
const blocks = async (): Promise<readonly string[]> => {
  const guide = await readFile(join(root, 'docs/workers.md'), 'utf8')
  const section = guide.split('## On your own machine first')[1]?.split('\n## ')[0] ?? ''
  return section
    .split(/^```/m)
    .filter((block) => block.startsWith('sh\n'))
    .map((block) => block.slice(3))
}

/** A folder with what `wrangler dev` needs of the checkout, where it may write. */
const checkout = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-workers-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const name of ['src', 'node_modules', 'package.json']) {
    await symlink(join(root, name), join(folder, name))
  }
  await copyFile(join(root, 'wrangler.toml'), join(folder, 'wrangler.toml'))
  return folder
}

/** `npx` for the programs of the checkout, at a port of the test's own. */
const npx = (port: number) =>
  `#!/bin/sh\nname=$1; shift\nexec "${root}/node_modules/.bin/$name" "$@" --port ${port} --ip 127.0.0.1\n`

/** Bash, wrangler and workerd have a process group of their own, which ends with the test. */
const stop = async (child: ChildProcess): Promise<void> => {
  if (child.pid === undefined || child.exitCode !== null) return
  const exited = once(child, 'exit')
  process.kill(-child.pid, 'SIGTERM')
  await exited
}

it('the guide’s run on one’s own machine works as it is written', {
  timeout: 150_000,
}, async () => {
  const [setUp = '', ask = ''] = await blocks()
  const server = await startLibsqlServer()
  onTestFinished(() => server.close())
  const [folder, port] = [await checkout(), await freePort()]
  await writeFile(join(folder, 'npx'), npx(port))
  await chmod(join(folder, 'npx'), 0o755)
  const path = [folder, join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  const env = { ...process.env, PATH: path, WRANGLER_SEND_METRICS: 'false', CI: 'true' }
  const script = setUp.replace('http://127.0.0.1:8080', server.url)
  expect(script).not.toBe(setUp)
  const wrangler = spawn('bash', ['-ec', script], { cwd: folder, env, detached: true })
  onTestFinished(() => stop(wrangler))
  let printed = ''
  for (const stream of [wrangler.stdout, wrangler.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
  }
  await expect.poll(() => printed, { timeout: 120_000, interval: 200 }).toContain('Ready on http')

  const line = ask.replace(':8787', `:${port}`).replace('curl ', 'curl --silent --show-error ')
  const { stdout } = await run('bash', ['-c', line])
  expect(JSON.parse(stdout)).toMatchObject({ data: [{ id: 'postern/demo' }] })
  const client = createClient({ url: server.url })
  onTestFinished(() => client.close())
  const rows = async () => (await client.execute('SELECT login, status FROM usage')).rows
  await expect.poll(rows, { timeout: 10_000 }).toMatchObject([{ login: 'owner', status: 200 }])
})
