import { expect, test } from 'vitest'
import { freePort } from './parts/port.ts'
import { type ServerOptions, startServer } from './parts/server.ts'

/** A program of a few words instead of a real part. */
const program = (port: number, code: string): ServerOptions => ({
  name: 'a program',
  command: process.execPath,
  args: ['-e', code],
  env: { PORT: String(port) },
  url: `http://127.0.0.1:${port}`,
  ready: `http://127.0.0.1:${port}/`,
  within: 5_000,
})

const listen =
  "require('http').createServer((q, a) => a.end('here')).listen(process.env.PORT, '127.0.0.1')"

test('a part is handed over when it answers, and is gone when stopped', async () => {
  const server = await startServer(program(await freePort(), listen))
  expect(await (await fetch(server.url)).text()).toBe('here')
  await server.stop()
  await server.stop()
  await expect(fetch(server.url)).rejects.toThrow()
})

test('a part that ends before it answers is reported with its last words', async () => {
  const broken = program(await freePort(), "console.error('no such model'); process.exit(3)")
  await expect(startServer(broken)).rejects.toThrow(/^a program: ended with 3\nno such model$/)
})

test('a part that never answers is ended after its time', async () => {
  const silent = program(
    await freePort(),
    "console.log('loading', process.pid); setInterval(() => {}, 1000)",
  )
  const failure = await startServer({ ...silent, within: 1_000 }).catch((error: Error) => error)
  expect(failure).toMatchObject({ message: expect.stringMatching(/not ready within 1000 ms/) })
  const pid = Number(/loading (\d+)/.exec((failure as Error).message)?.[1])
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('a program that cannot be started says which', async () => {
  const absent = { ...program(await freePort(), ''), command: '/no/such/program' }
  await expect(startServer(absent)).rejects.toThrow('/no/such/program')
})
