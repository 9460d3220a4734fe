import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { type FakeWebui, startWebui } from '../support/fake-webui.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const alice = `Authorization: Basic ${btoa('alice:alice-password')}`
const body = JSON.stringify({ model: 'local-llm', messages: [{ role: 'user', content: 'hi' }] })

let upstream: FakeUpstream
let webui: FakeWebui
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream()
  webui = await startWebui()
  gateway = await startTestGateway({
    webui: { url: webui.url },
    providers: { local: { baseurl: upstream.url, models: ['local-llm'] } },
    limits: { body: '64KiB' },
  })
})
afterAll(async () => {
  await gateway.stop()
  await Promise.all([upstream.stop(), webui.stop()])
})

/** Sends a head, then the body once there was a 100, as curl does; gives back the statuses in order. */
const ask = (
  head: readonly string[],
  sent = body,
): Promise<{ statuses: number[]; closed: boolean }> =>
  new Promise((resolve) => {
    let text = ''
    let invited = false
    const socket = connect(gateway.port, '127.0.0.1', () =>
      socket.write([...head, 'Host: localhost', 'Expect: 100-continue', '', ''].join('\r\n')),
    )
    const finish = (closed: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({
        statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)),
        closed,
      })
    }
    let timer = setTimeout(() => finish(false), 5000)
    const soon = () => {
      clearTimeout(timer)
      timer = setTimeout(() => finish(false), 300)
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (/HTTP\/1\.1 [2-5]/.test(text)) soon()
      if (invited || !text.startsWith('HTTP/1.1 100 Continue\r\n\r\n')) return
      invited = true
      socket.write(sent)
    })
    socket.on('error', () => {})
    socket.on('close', () => finish(true))
  })

const post = (path: string, ...more: readonly string[]) => [
  `POST ${path} HTTP/1.1`,
  'Content-Type: application/json',
  ...more,
]

describe('a client that waits for leave to send its body', () => {
  it('gets it once its request was judged, and keeps its connection', async () => {
    const head = post('/v1/chat/completions', alice, `Content-Length: ${body.length}`)
    expect(await ask(head)).toEqual({ statuses: [100, 200], closed: false })
  })

  it('gets it for an upload to Open WebUI', async () => {
    const { statuses } = await ask(post('/api/v1/files/', `Content-Length: ${body.length}`))
    expect(statuses).toEqual([100, 200])
    expect(webui.requests.at(-1)?.body).toBe(body)
    expect(webui.requests.at(-1)?.headers).not.toHaveProperty('expect')
  })

  it.each([
    ['without a credential', '/v1/chat/completions', [], 401],
    ['with a wrong one', '/v1/chat/completions', ['x-api-key: alice:wrong'], 401],
    ['to a path that is not there', '/postern/api/nothing', [alice], 404],
    ['with a body that is too long', '/v1/chat/completions', [alice], 413],
  ])(
    'gets the verdict and no leave %s, and its connection ends',
    async (_what, path, more, status) => {
      const length = status === 413 ? 1_000_000 : body.length
      const asked = await ask(post(path, ...more, `Content-Length: ${length}`))
      expect(asked).toEqual({ statuses: [status], closed: true })
    },
  )

  it('is not asked twice, and never after the answer', async () => {
    for (let i = 0; i < 10; i++) {
      const head = post('/v1/chat/completions', alice, `Content-Length: ${body.length}`)
      expect((await ask(head)).statuses).toEqual([100, 200])
    }
  })
})
