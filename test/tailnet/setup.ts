/**
 * Builds the real tailnet programs that test/tailnet plays against, those that are not there yet.
 * `node test/tailnet/setup.ts [--list]`; exits 0 and says what is missing and why, with `--strict` 1 if anything is.
 */
import { parseArgs } from 'node:util'
import { caddyTailscale } from '../support/parts/caddy-tailscale.ts'
import { type Part, partsFolder } from '../support/parts/part.ts'
import { tailnetParts } from '../support/tailnet/programs.ts'

const { values } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
})

const say = (line: string) => console.log(line)

const bring = async (part: Part): Promise<string | undefined> => {
  if (values.list || 'path' in part.find()) return undefined
  say(`${part.name}: building ${part.version}`)
  const started = performance.now()
  try {
    await part.install(say)
    return undefined
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    return error instanceof Error ? error.message.split('\n').at(-1) : String(error)
  } finally {
    say(`${part.name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
}

say(`parts in ${partsFolder()}`)
for (const part of [...tailnetParts, caddyTailscale]) {
  const failure = await bring(part)
  const place = part.find()
  const outcome = 'path' in place ? place.path : `MISSING: ${failure ?? place.missing}`
  say(`  ${part.name.padEnd(10)} ${part.version.padEnd(56)} ${outcome}`)
  if ('missing' in place && values.strict) process.exitCode = 1
}
