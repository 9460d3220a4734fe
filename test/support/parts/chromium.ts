import { existsSync } from 'node:fs'
import { type Browser, chromium as playwright } from 'playwright-core'
import { type Part, pathOf } from './part.ts'
import { must } from './run.ts'

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
    return { missing: `none of ${candidates.join(', ')}; Debian: apt-get install chromium` }
  },
  install: async (say) => {
    if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) {
      throw new Error('not a Debian system: install Chromium and set POSTERN_CHROMIUM to its path')
    }
    if (process.getuid?.() !== 0) throw new Error('needs root: apt-get install chromium')
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    const packages = ['chromium', 'fonts-dejavu-core']
    await must('apt-get', ['update', '-qq'], { env, say })
    const install = ['install', '-y', '-qq', '--no-install-recommends']
    await must('apt-get', [...install, ...packages], { env, say })
  },
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

/** A headless browser on a new, empty profile. */
export const launchChromium = (): Promise<Browser> =>
  playwright.launch({
    executablePath: pathOf(chromium),
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0, // its sandbox refuses to run as root
    args: quiet,
  })
