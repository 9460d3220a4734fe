import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MemoryDocument, memoryDocument } from '../dashboard/document.ts'
import { aMonth, type SeededStore, seededStore, turnedAway } from '../dashboard/ledger.ts'
import { type FakeUpstream, silent, startUpstream, stream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { chromium, launchChromium } from '../support/parts/chromium.ts'
import { describeWith } from '../support/parts/need.ts'
import { config, file, keepOne, pages } from './dashboard-setup.ts'
import { picture } from './webui-page.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The same file, in which somebody else is admin. */
const withoutMe = (text: string): string =>
  text
    .replace('"src": ["owner"]', '"src": ["(owner)"]')
    .replace(
      '"grants": [',
      '"grants": [{ "src": ["owner"], "app": { "tailscale.com/cap/aperture": [{ "role": "user", "models": "**" }] } }, ',
    )

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } } as const

describeWith([chromium], 'the dashboard in a browser', () => {
  let upstream: FakeUpstream
  let seeded: SeededStore
  let document: MemoryDocument
  let gateway: TestGateway
  let browser: Browser
  let context: BrowserContext
  let page: Page
  /** What the browser complained of, and what it asked of others. */
  const complaints: string[] = []
  const outside: string[] = []

  const watch = (watched: Page): Page => {
    watched.on('console', (message) => {
      // What a test provokes is told of as well.
      if (message.type() === 'error' && !/status of [45]/.test(message.text())) {
        complaints.push(message.text())
      }
    })
    watched.on('pageerror', (error) => complaints.push(String(error)))
    watched.on('dialog', (dialog) => {
      // What was typed into the configuration would be lost.
      if (dialog.type() === 'beforeunload') return void dialog.accept()
      complaints.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    watched.on('request', (request) => {
      if (!request.url().startsWith(gateway.url)) outside.push(request.url())
    })
    return watched
  }

  const go = (path: string) => page.goto(gateway.url + path)
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const row = (text: string) => page.getByRole('row').filter({ hasText: text })
  const confirm = (name: string) =>
    page.locator('#confirm').getByRole('button', { name, exact: true }).click()
  /** What is done makes the page load again. */
  const reloading = async (act: () => Promise<unknown>) => {
    const loaded = page.waitForEvent('load')
    await act()
    await loaded
  }
  const withKey = async (key: string) =>
    (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } }))
      .status

  const signIn = async (user: string) => {
    await page.getByLabel('User name').fill(user)
    await page.getByLabel('Password').fill(`${user}-password`)
    await button('Sign in').click()
  }

  beforeAll(async () => {
    upstream = await startUpstream({ byModel: { stream: stream({ gap: 20 }), hang: silent() } })
    seeded = await seededStore(aMonth(Date.now()))
    await keepOne(seeded)
    await Promise.all(turnedAway(Date.now()).map((each) => seeded.store.recordAuthFailure(each)))
    document = memoryDocument(file)
    gateway = await startTestGateway(config(upstream.url), {
      document,
      platform: { store: seeded.store },
    })
    browser = await launchChromium()
    context = await browser.newContext({ viewport: sizes.desktop, permissions: ['clipboard-read'] })
    page = watch(await context.newPage())
  })
  afterAll(async () => {
    await browser.close()
    await gateway.stop()
    await seeded.stop()
    await upstream.stop()
  })

  test('leads to a login, and from there to where one wanted to go', async () => {
    await go('/ui/models?q=qwen')
    expect(new URL(page.url()).pathname).toBe('/postern/login')
    await signIn('owner')
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor()
    expect(page.url()).toBe(`${gateway.url}/ui/models?q=qwen`)
  })

  test('tries a model: a check and how fast it was, or a cross and why', async () => {
    await go('/ui/models')
    await button('Test qwen3:32b').click()
    await row('qwen3:32b').getByRole('img', { name: 'It answers' }).waitFor()
    expect(await row('qwen3:32b').textContent()).toMatch(/first token after \d+ m?s/)
    await button('Test gone').click()
    await row('gone').getByRole('img', { name: 'It does not answer' }).waitFor()
    expect(await row('gone').textContent()).toContain('502: The model server could not be reached.')
    await button('Test claude-sonnet-4-6').click()
    await row('claude-sonnet').getByRole('img', { name: 'It answers' }).waitFor()
    await picture(page, 'dashboard-models')
  })

  test('streams an answer in the playground, and stops when told to', async () => {
    await page.getByLabel('Model', { exact: true }).selectOption('ollama/stream')
    await page.getByLabel('Message').fill('Tell me')
    await page.getByLabel('Message').press('Enter')
    await expect.poll(() => page.getByRole('log').textContent(), { timeout: 10_000 }).not.toBe('')
    await button('Send').isEnabled()
    await page.getByLabel('Model', { exact: true }).selectOption('ollama/hang')
    const before = upstream.closes
    await button('Send').click()
    await expect.poll(() => button('Stop').isEnabled()).toBe(true)
    await upstream.received(upstream.requests.length)
    await expect.poll(() => upstream.requests.at(-1)?.body).toContain('"hang"')
    await button('Stop').click()
    await page.getByText('Stopped.').waitFor()
    await expect.poll(() => upstream.closes).toBeGreaterThan(before)
  })

  test('makes a key that works, shows it once, and revokes it', async () => {
    await go('/ui/keys')
    await page.getByLabel('What is it for?').fill('Laptop <b>')
    await page.getByLabel('Only these models').fill('ollama/**')
    await page.getByLabel('public').check()
    await page.getByLabel('local').check()
    await button('Create key').click()
    const shown = page.locator('.outcome code')
    await shown.waitFor()
    const key = (await shown.textContent()) ?? ''
    expect(key).toMatch(/^pst_/)
    await expect.poll(() => withKey(key)).toBe(200)
    await picture(page, 'dashboard-keys')
    await page.getByRole('link', { name: 'Done' }).click()
    expect(await page.content()).not.toContain(key)
    await row('Laptop <b>').getByRole('button', { name: 'Revoke' }).click()
    await confirm('Cancel')
    expect(await withKey(key)).toBe(200)
    await row('Laptop <b>').getByRole('button', { name: 'Revoke' }).click()
    await reloading(() => confirm('Revoke'))
    await row('revoked').waitFor()
    await expect.poll(() => withKey(key), { timeout: 3000 }).toBe(401)
  })

  test('says what is wrong with what was filled in', async () => {
    await go('/ui/keys')
    await page.getByLabel('What is it for?').fill('x')
    await page.getByLabel('Only these models').fill('!no')
    await button('Create key').click()
    await page.locator('.note.bad', { hasText: 'models' }).waitFor()
  })

  test('makes a key in the name of somebody else', async () => {
    await go('/ui/people')
    await page.getByLabel('What is it for?').fill('For Alice')
    await page.getByLabel('Whose').fill('alice@example.com')
    await button('Create key').click()
    await page.locator('.outcome code').waitFor()
    await page.getByRole('link', { name: 'Done' }).click()
    expect(await row('For Alice').textContent()).toContain('alice@example.com')
  })

  test('signs a browser out from another one', async () => {
    const other = await browser.newContext()
    const there = watch(await other.newPage())
    await there.goto(`${gateway.url}/ui/models`)
    await there.getByLabel('User name').fill('alice')
    await there.getByLabel('Password').fill('alice-password')
    await there.getByRole('button', { name: 'Sign in' }).click()
    await there.getByRole('heading', { level: 1, name: 'Models' }).waitFor()
    await go('/ui/people')
    await row('Chrome on Linux')
      .filter({ hasText: 'alice@example.com' })
      .getByRole('button')
      .click()
    await reloading(() => confirm('Sign out'))
    await there.reload()
    await there.getByLabel('Password').waitFor()
    await other.close()
  })

  test('tells a client what it needs, and copies it', async () => {
    await go('/ui/connect?client=claude-code')
    await page.getByLabel('Model', { exact: true }).selectOption('anthropic/claude-sonnet-4-6')
    await page.waitForURL(/claude-sonnet/)
    const snippet = page.locator('pre', { hasText: 'ANTHROPIC_BASE_URL' })
    expect(await snippet.textContent()).toContain(`ANTHROPIC_BASE_URL=${gateway.url}\n`)
    expect(await snippet.textContent()).toContain('ANTHROPIC_MODEL=anthropic/claude-sonnet-4-6\n')
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: gateway.url })
    await page.locator('figure', { has: snippet }).getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Copied').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      await snippet.textContent(),
    )
    await picture(page, 'dashboard-connect')
  })

  test('says why somebody may, and why not', async () => {
    await go('/ui/access')
    await page.getByLabel('Who').fill('alice')
    await page.getByLabel('Model', { exact: true }).fill('anthropic/claude-sonnet-4-6')
    await button('Ask').click()
    await page.getByText('No, not from the internet.').waitFor()
    await page.getByLabel('Model', { exact: true }).fill('ollama/qwen3:32b')
    await button('Ask').click()
    await page.getByText('Yes, from the internet.').waitFor()
    await picture(page, 'dashboard-access')
  })

  test('tells why a provider was asked', async () => {
    await go('/ui/requests?range=90d&login=owner&model=ollama%2Fqwen3%3A32b')
    await page.locator('tbody a').first().click()
    await page.getByRole('heading', { name: 'Why this provider' }).waitFor()
    expect(await row('ollama/qwen3:32b').textContent()).toMatch(/answered|asked/)
    await row('ollama/qwen3:32b')
      .getByRole('link', { name: /^grant / })
      .click()
    await page.waitForURL(/\/ui\/access#grant-\d/)
  })

  test('puts seven figures in one row', async () => {
    await go('/ui/overview')
    const tops = await page
      .locator('.tile')
      .evaluateAll((tiles) => tiles.map((tile) => tile.getBoundingClientRect().top))
    expect(tops).toHaveLength(7)
    expect(new Set(tops).size).toBe(1)
  })

  test('shuts an address out and lets it in again', async () => {
    await go('/ui/doors')
    await page.getByLabel('Address').fill('203.0.113.77')
    await page.getByLabel('Why').fill('too curious')
    await reloading(() => button('Shut out').click())
    expect(await row('203.0.113.77').textContent()).toContain('too curious')
    const chart = page.getByRole('img', { name: 'Requests turned away' })
    expect(await chart.locator('.col').count()).toBeGreaterThan(50)
    expect(await chart.locator('.mark title').allTextContents()).toEqual([
      expect.stringContaining('203.0.113.77 banned'),
    ])
    await page.evaluate(() => globalThis.scrollTo(0, 0))
    await picture(page, 'dashboard-doors')
    await row('203.0.113.77').getByRole('button', { name: 'Let in' }).click()
    await reloading(() => confirm('Let in'))
    expect(await row('203.0.113.77').count()).toBe(0)
    await page.getByLabel('Address').fill('nowhere')
    await button('Shut out').click()
    await page.locator('.note.bad').waitFor()
  })

  test('closes the door to the internet with one tap', async () => {
    await go('/ui/doors')
    await button('Close now').click()
    await reloading(() => confirm('Close it'))
    expect(document.text).toContain('"mode": "serve"')
    document.text = file
  })

  test('puts something back into a budget', async () => {
    await go('/ui/quotas')
    await page.getByLabel('How much').fill('1k tokens')
    await reloading(() => button('Put back').click())
    await go('/ui/audit')
    await row('quota.refill').waitFor()
  })

  test('checks the configuration at the line, shows the difference, and saves it', async () => {
    await go('/ui/config')
    const area = page.getByLabel('Configuration', { exact: true })
    const text = await area.inputValue()
    expect(text).toContain('keep:/providers/local/apikey')
    await area.fill(text.replace('"baseurl"', '"basurl"'))
    await page.getByRole('link', { name: 'Line 5' }).first().waitFor()
    expect(await page.locator('.editor li.bad').first().textContent()).toBe('5')
    expect(await button('Review and save…').isDisabled()).toBe(true)
    await picture(page, 'dashboard-config')
    await page.getByRole('link', { name: 'Line 5' }).first().click()
    expect(
      await area.evaluate((it: HTMLTextAreaElement) =>
        it.value.slice(it.selectionStart, it.selectionEnd),
      ),
    ).toContain('basurl')
    await area.fill(text.replace('["m"]', '["m", "n"]'))
    await page.getByText('Sound, not saved').waitFor()
    await button('Review and save…').click()
    const review = page.getByRole('dialog', { name: 'What changes' })
    expect(await review.locator('.add').allTextContents()).toEqual([
      expect.stringContaining('"models": ["m", "n"]'),
    ])
    expect(await review.locator('.del').count()).toBe(1)
    await review.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved, and in force').first().waitFor()
    expect(document.text).toBe(file.replace('["m"]', '["m", "n"]'))
  })

  test('goes back to an older configuration, looked at first', async () => {
    await go('/ui/config')
    const area = page.getByLabel('Configuration', { exact: true })
    const present = await area.inputValue()
    const review = page.getByRole('dialog', { name: 'What changes' })
    const older = row('as it was found').first().getByRole('button', { name: 'Compare…' })
    await older.click()
    expect(await review.locator('.del').allTextContents()).toEqual([
      expect.stringContaining('"models": ["m", "n"]'),
    ])
    await review.getByRole('button', { name: 'Into the editor' }).click()
    await expect.poll(() => area.inputValue()).toBe(present.replace('["m", "n"]', '["m"]'))
    await page.getByText('Sound, not saved').waitFor()
    await older.click()
    await review.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved, and in force').first().waitFor()
    expect(document.text).toBe(file)
    await row('in force').filter({ hasText: '- ' }).filter({ hasText: 'owner' }).waitFor()
  })

  test('lets nobody take their own admin role away, or overwrite what others saved', async () => {
    await go('/ui/config')
    const area = page.getByLabel('Configuration', { exact: true })
    const text = await area.inputValue()
    const save = async () => {
      await page.getByText('Sound, not saved').waitFor()
      await button('Review and save…').click()
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    }
    await area.fill(withoutMe(text))
    await save()
    await page.getByText('this change would remove your own admin role').waitFor()
    await area.fill(`${text}// mine\n`)
    await page.getByText('Sound, not saved').waitFor()
    document.text = `${document.text}// theirs, meanwhile\n`
    await save()
    await page.getByText('Somebody else changed the configuration').waitFor()
    expect(document.text).not.toContain('// mine')
    document.text = file
    await area.fill(text)
  })

  test('is moved through by the keyboard alone', async () => {
    await go('/ui')
    await page.keyboard.press('Control+k')
    await page.keyboard.type('bans')
    await page.getByText('Nothing by that name.').waitFor()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('banned')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/ui/doors')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => globalThis.document.activeElement?.id)).toBe('main')
    await page.keyboard.press('Control+k')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/ui/models')
    await page.keyboard.press('Control+k')
    await page.keyboard.press('Escape')
    expect(await page.locator('#palette').isVisible()).toBe(false)
  })

  test('shows a request as soon as it is over, without being loaded again', async () => {
    await go('/ui')
    const before = await page.locator('.tile').first().textContent()
    await page.evaluate(() => {
      ;(globalThis as { marked?: boolean }).marked = true
    })
    const body = JSON.stringify({ model: 'ollama/qwen3:32b', messages: [] })
    const authorization = `Basic ${btoa('owner:owner-password')}`
    await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body,
    })
    await expect
      .poll(() => page.locator('.tile').first().textContent(), { timeout: 6000 })
      .not.toBe(before)
    expect(await page.evaluate(() => (globalThis as { marked?: boolean }).marked)).toBe(true)
  })

  test('examines the set-up after the page is there', async () => {
    await go('/ui/doctor')
    await page.getByRole('columnheader', { name: 'What to do' }).waitFor({ timeout: 20_000 })
  })

  test('opens one request in full', async () => {
    await go('/ui/requests?range=30d')
    await page.getByRole('row').nth(2).getByRole('link').first().click()
    await page.getByRole('heading', { level: 2, name: 'Time and size' }).waitFor()
  })

  test('reads what was said in a request, and leaves a trace of it', async () => {
    await go('/ui/requests/kept')
    await page.getByText('goes into the audit').waitFor()
    await page.getByRole('link', { name: 'What was asked and answered' }).click()
    await page.getByText('And why do "they" never land?').waitFor()
    await page.getByRole('heading', { level: 2, name: 'Tools called' }).waitFor()
    await picture(page, 'dashboard-said')
    await go('/ui/audit')
    await row('capture.read').filter({ hasText: 'alice@example.com' }).first().waitFor()
  })

  const themes = ['light', 'dark'] as const
  const looks = Object.keys(sizes).flatMap((size) =>
    themes.map((theme) => ({ size: size as keyof typeof sizes, theme })),
  )
  test.each(looks)(
    'is free of barriers, $size, $theme',
    async ({ size, theme }) => {
      await page.setViewportSize(sizes[size])
      await page.emulateMedia({ colorScheme: theme })
      const found: string[] = []
      for (const path of pages) {
        await go(path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        const wide = await page.evaluate(() => globalThis.document.documentElement.scrollWidth)
        if (wide > sizes[size].width) found.push(`${path} is ${wide} wide`)
        await page.evaluate(axe)
        const { violations } = (await page.evaluate(
          '({ then: (done) => axe.run().then(done) })',
        )) as { violations: { id: string; nodes: { html: string }[] }[] }
        found.push(...violations.map(({ id, nodes }) => `${path} ${id}: ${nodes[0]?.html}`))
        const name = path.split('?')[0]?.slice('/ui/'.length) || 'home'
        if (['home', 'overview'].includes(name)) {
          const suffix = `${size === 'phone' ? '-phone' : ''}${theme === 'dark' ? '-dark' : ''}`
          await picture(page, `dashboard-${name}${suffix}`)
        }
      }
      await page.emulateMedia({ colorScheme: null })
      await page.setViewportSize(sizes.desktop)
      expect(found).toEqual([])
    },
    240_000,
  )

  test('makes use of a 4k screen', async () => {
    const large = { width: 3840, height: 2160 }
    await page.setViewportSize(large)
    const widths: number[] = []
    for (const path of pages) {
      await go(path)
      const main = page.getByRole('main')
      widths.push((await main.boundingBox())?.width ?? 0)
      const text = await main.evaluate((it) => Number.parseFloat(getComputedStyle(it).fontSize))
      expect(text).toBeGreaterThan(20)
    }
    expect(Math.min(...widths)).toBeGreaterThan(large.width / 2)
    expect(Math.max(...widths)).toBeLessThan(large.width)
    await page.setViewportSize(sizes.desktop)
  })

  test('has a menu on a telephone', async () => {
    await page.setViewportSize(sizes.phone)
    await go('/ui')
    expect(await page.getByRole('navigation', { name: 'Pages' }).isVisible()).toBe(false)
    await button('Menu').click()
    await page.getByRole('navigation', { name: 'Pages' }).getByText('Models').click()
    await page.waitForURL('**/ui/models')
    await page.setViewportSize(sizes.desktop)
  })

  test('loads less than 100 kB of script in all', async () => {
    const scripts = new Map<string, number>()
    for (const path of pages) {
      await go(path)
      const loaded = await page.evaluate(() =>
        (performance.getEntriesByType('resource') as PerformanceResourceTiming[]).map(
          ({ name, decodedBodySize }) => [name, decodedBodySize] as const,
        ),
      )
      for (const [name, size] of loaded) if (name.endsWith('.js')) scripts.set(name, size)
    }
    const total = [...scripts.values()].reduce((sum, size) => sum + size, 0)
    expect(scripts.size).toBeGreaterThan(5)
    expect(total).toBeLessThan(100_000)
  })

  test('signs out', async () => {
    await go('/ui')
    await page.getByRole('link', { name: 'Sign out' }).click()
    await button('Sign out').click()
    await page.getByLabel('Password').waitFor()
    await go('/ui/keys')
    expect(new URL(page.url()).pathname).toBe('/postern/login')
  })

  test('shows somebody who is not an admin their own pages only', async () => {
    await signIn('alice')
    await page.getByRole('heading', { level: 1, name: 'My keys' }).waitFor()
    expect(await page.getByRole('heading', { name: 'Admin' }).count()).toBe(0)
    await go('/ui/doors')
    await page.getByText('This page is for admins.').waitFor()
  })

  test('asked nobody else for anything, and broke none of its own rules', () => {
    expect(outside).toEqual([])
    expect(complaints).toEqual([])
  })
})
