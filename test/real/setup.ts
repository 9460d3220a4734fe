/**
 * Brings the real parts that test/real plays against, those that are not there yet.
 * `node test/real/setup.ts [--without NAME]... [--only NAME]... [--list]`; exits 0 and says what is missing and why,
 * with `--strict` 1 if anything is.
 */
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { deployParts } from '../deploy/parts.ts'
import { caddy, oldestCaddy } from '../support/parts/caddy.ts'
import { chromium } from '../support/parts/chromium.ts'
import { javascriptClients, llamaIndex, pythonClients } from '../support/parts/clients.ts'
import { codingAgents } from '../support/parts/coding-agents.ts'
import { llamaServer, weights } from '../support/parts/llama.ts'
import { openWebui } from '../support/parts/open-webui.ts'
import { type Part, partsFolder } from '../support/parts/part.ts'
import { pythonSdks } from '../support/parts/python-sdks.ts'
import { goReader, pythonReaders } from '../support/parts/readers.ts'
import { redis } from '../support/parts/redis.ts'
import { s3rver } from '../support/parts/s3rver.ts'
import { sdkSuites } from '../support/parts/sdk-suites.ts'
import { steady } from '../support/parts/steady.ts'

const parts: readonly Part[] = [
  caddy,
  oldestCaddy,
  weights,
  pythonSdks,
  pythonReaders,
  goReader,
  sdkSuites,
  steady,
  javascriptClients,
  pythonClients,
  llamaIndex,
  chromium,
  redis,
  s3rver,
  codingAgents,
  openWebui,
  llamaServer,
  ...deployParts,
]

const { values } = parseArgs({
  options: {
    without: { type: 'string', multiple: true, default: [] },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
})

interface Row {
  readonly name: string
  readonly version: string
  readonly outcome: string
  readonly ok: boolean
}

const chosen = ({ name }: Part): boolean =>
  !values.list &&
  !values.without.includes(name) &&
  (values.only.length === 0 || values.only.includes(name))

const say = (line: string) => console.log(line)

const bring = async (part: Part): Promise<Row> => {
  const row = { name: part.name, version: part.version }
  let failure: string | undefined
  if ('missing' in part.find() && chosen(part)) {
    say(`${part.name}: bringing ${part.version}`)
    const started = performance.now()
    await part.install(say).catch((error: unknown) => {
      failure = error instanceof Error ? error.message : String(error)
      say(failure)
    })
    say(`${part.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
  const place = part.find()
  if ('path' in place) return { ...row, outcome: place.path, ok: true }
  const reason = failure?.split('\n').at(-1) ?? place.missing
  return { ...row, outcome: `MISSING: ${reason}`, ok: false }
}

/** `.tools/caddy` is where `postern caddy validate` looks in a checkout. */
const link = async (part: Part) => {
  const place = part.find()
  if ('missing' in place) return
  const tools = fileURLToPath(new URL('../../.tools/', import.meta.url))
  await mkdir(tools, { recursive: true })
  await rm(join(tools, part.name), { force: true })
  await symlink(place.path, join(tools, part.name))
}

const rows: Row[] = []
for (const part of parts) rows.push(await bring(part))
for (const program of [caddy, llamaServer]) await link(program)

say(`\nparts in ${partsFolder()}`)
for (const { name, version, outcome } of rows) {
  say(`  ${name.padEnd(13)} ${version.padEnd(40)} ${outcome}`)
}
if (values.strict && rows.some((row) => !row.ok)) process.exitCode = 1
