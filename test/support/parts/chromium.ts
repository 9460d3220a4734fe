import { existsSync } from 'node:fs'
import { type Browser, chromium as playwright } from 'playwright-core'
import { type Part, pathOf } from './part.ts'
import { aptInstall } from './run.ts'

const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Chromium from the system's packages; a download by the test library itself is not relied on. */
export const chromium: Part = {
  name: 'chromium',
  version: 'from the system',
  find: () => {
    const path = [process.env.POSTERN_CHROMIUM, ...candidates].find(
      (candidate) => candidate !== undefined && existsSync(candidate),
    )
    if (path !== undefined) return { path }
    return { missing: `none of ${candidates.join(', ')}; POSTERN_CHROMIUM names another` }
  },
  install: (say) => aptInstall(['chromium', 'fonts-dejavu-core'], say),
}

/** Without the background flags a browser asks the internet for updates, and says so in every log. */
const quiet = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A headless browser on a new, empty profile. `args`: more of its command line. */
export const launchChromium = (args: readonly string[] = []): Promise<Browser> =>
  playwright.launch({
    executablePath: pathOf(chromium),
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0, // its sandbox refuses to run as root
    args: [...quiet, ...args],
  })
