import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { complete, isComplete, type Part, partsFolder, type Say } from '../support/parts/part.ts'
import { type Environment, hasEnvironment, makeEnvironment } from '../support/parts/pypi.ts'
import { must, run } from '../support/parts/run.ts'

const isRoot = (): boolean => process.getuid?.() === 0

const apt = async (args: readonly string[], say: Say, cwd?: string) => {
  if (!existsSync('/usr/bin/apt-get')) throw new Error('not a Debian system')
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await must('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    say,
    ...(cwd !== undefined && { cwd }),
  })
}

/**
 * Unpacks Debian packages without installing them: installed, fail2ban would start and ban people on the
 * machine of whoever runs these tests. Needs no root, but lists of packages that are not too old.
 */
const unpackDebs = async (folder: string, names: readonly string[], say: Say) => {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  if (isRoot()) await apt(['update'], say)
  await apt(['download', ...names], say, folder)
  for (const deb of await readdir(folder)) {
    await must('dpkg-deb', ['--extract', join(folder, deb), folder])
  }
  await complete(folder, names.join(' '))
}

const analyze = '/usr/bin/systemd-analyze'

export const systemd: Part = {
  name: 'systemd',
  version: 'from the system',
  find: () => (existsSync(analyze) ? { path: analyze } : { missing: `no ${analyze}` }),
  install: async (say) => {
    if (!isRoot()) throw new Error('needs root: apt-get install systemd')
    await apt(['update'], say)
    await apt(['install', '-y', '--no-install-recommends', 'systemd'], say)
  },
}

const fail2banDebs = ['fail2ban', 'python3-systemd']
const fail2banFolder = () => join(partsFolder(), 'fail2ban')

/** The folder that fail2ban was unpacked to. */
export const fail2ban: Part = {
  name: 'fail2ban',
  version: 'from the system',
  find: () =>
    isComplete(fail2banFolder(), fail2banDebs.join(' '))
      ? { path: fail2banFolder() }
      : { missing: 'not unpacked; `node test/deploy/setup.ts` does it' },
  install: (say) => unpackDebs(fail2banFolder(), fail2banDebs, say),
}

const remoteFolder = () => join(partsFolder(), 'systemd-journal-remote')

/** Writes journal files without a running journal; Debian 13 moved it from /lib to /usr/lib. */
const remoteProgram = () =>
  ['lib', 'usr/lib']
    .map((lib) => join(remoteFolder(), lib, 'systemd/systemd-journal-remote'))
    .find(existsSync)

export const journalRemote: Part = {
  name: 'journal-remote',
  version: 'from the system',
  find: () => {
    const path = remoteProgram()
    return path !== undefined && existsSync(join(remoteFolder(), '.complete'))
      ? { path }
      : { missing: 'not unpacked; `node test/deploy/setup.ts` does it' }
  },
  install: async (say) => {
    if (isRoot()) await apt(['update'], say)
    const { stdout } = await run('apt-cache', ['depends', 'systemd-journal-remote'])
    // Its name has the ABI in it and differs between releases.
    const library = stdout.match(/libmicrohttpd\S+/)?.[0] ?? 'libmicrohttpd12'
    await unpackDebs(remoteFolder(), ['systemd-journal-remote', library], say)
  },
}

const environment = (): Environment => ({
  folder: join(partsFolder(), 'check-jsonschema-0.39.0'),
  requirements: ['check-jsonschema==0.39.0'],
  python: '>=3.9',
})

/** Environment with a JSON Schema checker that carries the Compose specification's own schema, and a YAML reader. */
export const composeSchema: Part = {
  name: 'compose-schema',
  version: 'check-jsonschema==0.39.0',
  find: () =>
    hasEnvironment(environment())
      ? { path: environment().folder }
      : { missing: 'not installed; `node test/deploy/setup.ts` does it' },
  install: (say) => makeEnvironment(environment(), say),
}

/** The library that came with it. */
export const journalRemoteLibraries = (): string => {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  return join(remoteFolder(), 'usr/lib', triplet)
}

/** The tools that judge deploy/, each the one that its files are written for. */
export const deployParts: readonly Part[] = [systemd, fail2ban, journalRemote, composeSchema]

/** Brings the tools that are not there yet. What cannot be had is said, and its tests are then skipped loudly. */
export const bringTools = async (say: Say): Promise<void> => {
  for (const part of deployParts) {
    if ('path' in part.find()) continue
    say(`${part.name}: bringing ${part.version}`)
    await part.install(say).catch((error: unknown) => {
      say(`${part.name}: MISSING: ${error instanceof Error ? error.message : String(error)}`)
    })
  }
}
