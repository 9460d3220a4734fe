import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { caddy } from '../support/parts/caddy.ts'
import { chromium, launchChromium } from '../support/parts/chromium.ts'
import { llamaServer, weights } from '../support/parts/llama.ts'
import { describeWith } from '../support/parts/need.ts'
import { openWebui } from '../support/parts/open-webui.ts'
import { completionsOf, type doors, type Stack, startStack } from './stack.ts'
import { chat, closeReleaseNotes, picture, signIn, signUp, watchSockets } from './webui-page.ts'

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
    await page.goto(stack[door].url)
    return { page, sockets, [Symbol.asyncDispose]: () => context.close() }
  }

  /** The answer came from the model, and piece by piece over the socket. */
  const chatsOver = async (page: Page, received: string[]) => {
    const before = received.length
    const answer = await chat(page, 'Say hello to Ada in one short sentence.')
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
    await expect.poll(() => session.sockets.received, { timeout: 40_000 }).toContain('2')
    expect(session.sockets.sent).toContain('3')
  })

  test('is told in a page that Open WebUI is down when it is', async () => {
    await stack.webui?.stop()
    await using session = await open('postern')
    await expect.poll(() => session.page.locator('body').textContent()).toContain('Open WebUI')
    await picture(session.page, 'open-webui-down')
  })
})
