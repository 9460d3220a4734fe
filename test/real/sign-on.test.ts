import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bcrypt from 'bcryptjs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { chromium, launchChromium } from '../support/parts/chromium.ts'
import { describeWith } from '../support/parts/need.ts'
import { openWebui, startOpenWebui } from '../support/parts/open-webui.ts'
import { freePort } from '../support/parts/port.ts'
import type { Server } from '../support/parts/server.ts'
import { type PosternOptions, type PosternProcess, startPostern } from '../support/postern.ts'
import { chat, closeReleaseNotes, picture, watchSockets } from './webui-page.ts'

const passwords = {
  Zoë: 'schlüssel zum pförtchen',
  ben: 'correct-horse-battery-staple',
  openwebui: 'only-open-webui-knows-this',
}
const secret = 'only-open-webui-and-postern-know-this'

/** The settings of docs/webui.md. */
const settings = {
  WEBUI_AUTH_TRUSTED_EMAIL_HEADER: 'X-Postern-User-Email',
  WEBUI_AUTH_TRUSTED_NAME_HEADER: 'X-Postern-User-Name',
  WEBUI_AUTH_TRUSTED_GROUPS_HEADER: 'X-Postern-User-Groups',
  WEBUI_AUTH_SIGNOUT_REDIRECT_URL: '/postern/logout',
  DEFAULT_USER_ROLE: 'user',
  BYPASS_MODEL_ACCESS_CONTROL: 'true',
  ENABLE_FORWARD_USER_INFO_HEADERS: 'true',
  FORWARD_USER_INFO_HEADER_JWT_SECRET: secret,
}

const configFor = async (webui: string, upstream: string) => ({
  webui: {
    url: webui,
    sso: 'trusted-header',
    speaks_for: { login: 'openwebui', secret },
  },
  providers: { fake: { baseurl: upstream, models: ['fake-model'] } },
  users: {
    Zoë: { password: await bcrypt.hash(passwords.Zoë, 4), login: 'zoe@example.com' },
    ben: { password: await bcrypt.hash(passwords.ben, 4) },
    openwebui: { password: await bcrypt.hash(passwords.openwebui, 4) },
  },
  grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] } }],
})

describeWith(
  [chromium, openWebui],
  'a browser before Open WebUI that has no login of its own',
  () => {
    const ends: (() => Promise<void>)[] = []
    let upstream: FakeUpstream
    let postern: PosternProcess
    let options: PosternOptions
    let browser: Browser
    let context: BrowserContext
    let page: Page

    const started = async <T extends { stop(): Promise<void> }>(server: Promise<T>): Promise<T> => {
      const running = await server
      ends.push(() => running.stop())
      return running
    }

    beforeAll(async () => {
      const home = await mkdtemp(join(tmpdir(), 'postern-sign-on-'))
      ends.push(() => rm(home, { recursive: true, force: true }))
      const port = await freePort()
      const url = `http://127.0.0.1:${port}`
      upstream = await started(startUpstream())
      const webui: Server = await started(
        startOpenWebui({
          dataDir: home,
          openaiBaseUrl: `${url}/v1`,
          key: `openwebui:${passwords.openwebui}`,
          origins: [url],
          settings,
        }),
      )
      const dataDir = join(home, 'postern')
      options = { port, dataDir, config: await configFor(webui.url, upstream.url) }
      postern = await startPostern(options)
      ends.push(() => postern.stop())
      browser = await launchChromium()
      ends.push(() => browser.close())
      context = await browser.newContext({ viewport: { width: 1000, height: 640 } })
      page = await context.newPage()
    })
    afterAll(async () => {
      for (const end of ends.reverse()) await end()
    })

    const signIn = async (user: string, password: string) => {
      await page.getByLabel('User name').fill(user)
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Sign in' }).click()
    }

    /** Whom Open WebUI takes this browser for. */
    const whoAmI = () =>
      page.evaluate(async () => {
        const token = localStorage.getItem('token') ?? ''
        const headers = { authorization: `Bearer ${token}` }
        const answer = await fetch('/api/v1/auths/', { headers })
        const { email, name, role } = (await answer.json()) as Record<string, string>
        return { status: answer.status, email, name, role }
      })

    test('is led to a login page that fits a desktop and a telephone', async () => {
      await page.goto(`${postern.url}/?models=fake-model`)
      expect(new URL(page.url()).pathname).toBe('/postern/login')
      await picture(page, 'login')
      await page.setViewportSize({ width: 360, height: 640 })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(wide).toBe(360)
      await picture(page, 'login-phone')
      await page.emulateMedia({ colorScheme: 'dark' })
      await picture(page, 'login-phone-dark')
      await page.emulateMedia({ colorScheme: null })
      await page.setViewportSize({ width: 1000, height: 640 })
    })

    test('is told what was wrong, and breaks none of its own rules', async () => {
      const complaints: string[] = []
      page.on('console', (message) => complaints.push(message.text()))
      await page.goto(postern.url)
      await signIn('Zoë', 'not-it')
      await expect.poll(() => page.getByRole('alert').textContent()).toContain('is wrong')
      expect(await page.getByLabel('User name').inputValue()).toBe('Zoë')
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('password')
      await picture(page, 'login-wrong')
      expect(complaints.filter((text) => /Content Security Policy/.test(text))).toEqual([])
    })

    test('signs in once, and is that person at Open WebUI', async () => {
      await signIn('Zoë', passwords.Zoë)
      await page.locator('#chat-input').waitFor()
      await closeReleaseNotes(page)
      expect(new URL(page.url()).pathname).toBe('/')
      expect(await whoAmI()).toEqual({
        status: 200,
        email: 'zoe@example.com',
        name: 'Zoë',
        role: 'admin',
      })
      await page.getByText('Zoë').first().waitFor()
    })

    test('chats over the socket, and the ledger knows who it was', async () => {
      const sockets = watchSockets(page)
      await page.goto(postern.url)
      await page.locator('#chat-input').waitFor()
      await chat(page, 'Hello')
      expect(sockets.sent.some((frame) => frame.startsWith('42["user-join"'))).toBe(true)
      const completions = async () => {
        const { stdout } = await postern.run('usage', '--rows', '--json')
        const rows = JSON.parse(stdout) as { login: string; credential_id: string; route: string }[]
        return rows.filter(({ route }) => route === '/v1/chat/completions')
      }
      await expect.poll(async () => (await completions()).length, { timeout: 15_000 }).toBe(1)
      expect((await completions())[0]).toMatchObject({ login: 'zoe@example.com' })
      expect(JSON.stringify(upstream.requests.map(({ headers }) => headers))).not.toMatch(/zoe/i)
    })

    test('is nobody else by saying so', async () => {
      await context.setExtraHTTPHeaders({
        'X-Postern-User-Email': 'ben@postern.local',
        'X-Postern-User-Name': 'Ben',
      })
      await page.goto(postern.url)
      await page.locator('#chat-input').waitFor()
      expect(await whoAmI()).toMatchObject({ status: 200, email: 'zoe@example.com', name: 'Zoë' })
      await context.setExtraHTTPHeaders({})
    })

    test('signs out from the menu of Open WebUI, and leaves nothing for the next person', async () => {
      await page.goto(postern.url)
      await page
        .getByRole('button', { name: /user (profile )?menu/i })
        .first()
        .click()
      await page
        .getByRole('menuitem', { name: 'Sign out' })
        .or(page.getByText('Sign Out'))
        .first()
        .click()
      await page.getByRole('heading', { name: 'Sign out of Postern?' }).waitFor()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByLabel('User name').waitFor()
      expect(await page.evaluate(() => localStorage.getItem('token'))).toBeNull()
      await page.goto(postern.url)
      await signIn('ben', passwords.ben)
      await page.locator('#chat-input').waitFor()
      expect(await whoAmI()).toEqual({
        status: 200,
        email: 'ben@postern.local',
        name: 'ben',
        role: 'user',
      })
    })

    test('stays signed in when Postern is started anew', async () => {
      await postern.stop()
      postern = await startPostern(options)
      await page.reload()
      await page.locator('#chat-input').waitFor()
    })
  },
)
