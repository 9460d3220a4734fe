import { mkdir } from 'node:fs/promises'
import type { Page, WebSocket } from 'playwright-core'
import { expect } from 'vitest'

/** The first account, which Open WebUI makes its admin. */
export const admin = {
  name: 'Ada Admin',
  email: 'ada@example.com',
  password: 'correct horse battery 9!',
} as const

/** What went over a page's WebSockets, newest last. */
export interface SocketTraffic {
  readonly urls: string[]
  readonly sent: string[]
  readonly received: string[]
}

/** Watches every WebSocket that the page opens from now on. */
export const watchSockets = (page: Page): SocketTraffic => {
  const traffic: SocketTraffic = { urls: [], sent: [], received: [] }
  page.on('websocket', (socket: WebSocket) => {
    traffic.urls.push(socket.url())
    socket.on('framesent', ({ payload }) => traffic.sent.push(String(payload)))
    socket.on('framereceived', ({ payload }) => traffic.received.push(String(payload)))
  })
  return traffic
}

/** From the welcome page of a new Open WebUI to its chat. */
export const signUp = async (page: Page): Promise<void> => {
  await page.getByRole('button', { name: 'Get started' }).click()
  await page.locator('#name').fill(admin.name)
  await picture(page, 'open-webui-sign-up')
  await submitCredentials(page)
}

/** The sign-in form of an Open WebUI that has its admin. */
export const signIn = (page: Page): Promise<void> => submitCredentials(page)

const submitCredentials = async (page: Page) => {
  await page.locator('#email').fill(admin.email)
  await page.locator('#password').fill(admin.password)
  await page.locator('button[type=submit]').click()
  await page.locator('#chat-input').waitFor()
}

/** The release notes lie over the chat once per account and version. */
export const closeReleaseNotes = async (page: Page): Promise<void> => {
  const notes = page.getByRole('dialog')
  await notes.waitFor()
  await notes.getByRole('button', { name: "Okay, Let's Go!" }).click()
  await notes.waitFor({ state: 'detached' })
}

/** Asks, waits until the answer is complete, and returns its text. */
export const chat = async (page: Page, question: string): Promise<string> => {
  await page.locator('#chat-input').click()
  await page.keyboard.type(question)
  await page.locator('#send-message-button').click()
  const answer = page.locator('.chat-assistant').last()
  // The row of buttons below an answer comes with its end.
  await page.getByRole('button', { name: 'Regenerate' }).last().waitFor({ timeout: 90_000 })
  return (await answer.textContent()) ?? ''
}

/** Keeps a picture for the docs, when asked for with `UPDATE_SCREENSHOTS=1`. */
export const picture = async (page: Page, name: string): Promise<void> => {
  if (process.env.UPDATE_SCREENSHOTS !== '1') return
  const folder = new URL('../../docs/images/', import.meta.url)
  await mkdir(folder, { recursive: true })
  await expect.poll(() => page.locator('[data-sonner-toast]').count(), { timeout: 15_000 }).toBe(0)
  await page.screenshot({ path: new URL(`${name}.png`, folder).pathname })
}
