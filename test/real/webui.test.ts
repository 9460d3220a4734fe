import { randomBytes } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caddy } from '../support/parts/caddy.ts'
import { chromium, launchChromium } from '../support/parts/chromium.ts'
import { llamaServer, weights } from '../support/parts/llama.ts'
import { describeWith } from '../support/parts/need.ts'
import { openWebui } from '../support/parts/open-webui.ts'
import { completionsOf, doors, type Stack, startStack } from './stack.ts'
import {
  admin,
  chat,
  closeReleaseNotes,
  picture,
  signIn,
  signUp,
  watchSockets,
} from './webui-page.ts'

const parts = [llamaServer, weights, caddy, chromium, openWebui]

describeWith(parts, 'a browser before Open WebUI behind Postern', () => {
  let stack: Stack
  let browser: Browser
  beforeAll(async () => {
    stack = await startStack({ webui: true })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await stack?.stop()
  })

  const open = async (door: (typeof doors)[number]) => {
    const context = await browser.newContext({ viewport: { width: 1000, height: 640 } })
    const page = await context.newPage()
    const sockets = watchSockets(page)
    const status = (await page.goto(stack[door].url))?.status()
    return { page, sockets, status, [Symbol.asyncDispose]: () => context.close() }
  }

  /** The answer came from the model, and piece by piece over the socket. */
  const chatsOver = async (page: Page, received: string[]) => {
    const before = received.length
    const answer = await chat(page, 'What is the capital of France?')
    expect(answer).toMatch(/\w{2,}/)
    const events = received.slice(before).filter((frame) => frame.startsWith('42["events"'))
    expect(events.length).toBeGreaterThan(3)
  }

  test('sees Open WebUI, signs up as its admin and chats with the model', async () => {
    await using session = await open('postern')
    const { page, sockets } = session
    await signUp(page)
    await closeReleaseNotes(page)
    await chatsOver(page, sockets.received)
    await picture(page, 'open-webui-chat')
    expect(sockets.urls[0]).toContain(`${new URL(stack.postern.url).host}/ws/socket.io/`)
    expect(sockets.sent.some((frame) => frame.startsWith('42["user-join"'))).toBe(true)
  })

  test('leaves a row in the ledger under the login of Open WebUI', async () => {
    const rows = () => completionsOf(stack.postern, 'openwebui')
    await expect.poll(async () => (await rows()).length, { timeout: 15_000 }).toBe(1)
    expect((await rows())[0]).toMatchObject({
      model: 'local-llm',
      provider: 'llama',
      outcome: 'ok',
      tokens_source: 'reported',
    })
  })

  test('signs in and chats through Caddy as well', async () => {
    await using session = await open('caddy')
    const { page, sockets } = session
    await signIn(page)
    await chatsOver(page, sockets.received)
    expect(sockets.urls[0]).toContain(`${new URL(stack.caddy.url).host}/ws/socket.io/`)
  })

  test('keeps its socket alive over a heartbeat', async () => {
    await using session = await open('caddy')
    await expect.poll(() => session.sockets.received, { timeout: 15_000 }).toContain('2')
    expect(session.sockets.sent).toContain('3')
  })

  test.each(doors)('uploads and downloads a file of 5 MB whole through %s', async (door) => {
    const api = await signedInApi(stack[door].url)
    const bytes = randomBytes(5_000_000)
    const form = new FormData()
    form.set('file', new Blob([bytes]), 'noise.bin')
    const uploaded = await api('/api/v1/files/?process=false', { method: 'POST', body: form })
    expect(uploaded.status, await uploaded.clone().text()).toBe(200)
    const { id } = (await uploaded.json()) as { id: string }
    const content = await api(`/api/v1/files/${id}/content`)
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true)
  })

  test.each(doors)("streams events of Open WebUI's own API through %s", async (door) => {
    const api = await signedInApi(stack[door].url)
    const answer = await api('/api/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'local-llm',
        stream: true,
        max_tokens: 16,
        messages: [{ role: 'user', content: 'Say hello.' }],
      }),
    })
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    const frames = (await answer.text()).split('\n').filter((line) => line.startsWith('data: '))
    expect(frames.length).toBeGreaterThan(3)
    expect(frames.at(-1)).toBe('data: [DONE]')
  })

  test('gets a page that says so when Open WebUI is down', async () => {
    await stack.webui?.stop()
    await using session = await open('postern')
    expect(session.status).toBe(502)
    const heading = session.page.getByRole('heading', { name: 'Open WebUI is not answering' })
    expect(await heading.isVisible()).toBe(true)
    await picture(session.page, 'open-webui-down')
  })
})

/** Open WebUI's JSON API with its own token, which is in `Authorization` and must pass Postern untouched. */
const signedInApi = async (url: string) => {
  const signedIn = await fetch(`${url}/api/v1/auths/signin`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: admin.email, password: admin.password }),
  })
  const { token } = (await signedIn.json()) as { token: string }
  return (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = {
      ...(init.headers as Record<string, string>),
      authorization: `Bearer ${token}`,
    }
    return fetch(url + path, { ...init, headers })
  }
}
