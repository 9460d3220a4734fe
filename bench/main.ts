/**
 * `npm run bench`: measures Postern beside its peers, writes bench/results and the tables made of it.
 * `--quick` is a look in under two minutes and writes nothing; `--guard` compares with the last result that was
 * committed; `--rest` leaves the peers out and asks what only some can be asked; `--only NAME,NAME` and `--rounds N`
 * narrow it; then nothing is written either.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { caddy } from '../test/support/parts/caddy.ts'
import { must } from '../test/support/parts/run.ts'
import { guard } from './guard.ts'
import { describeCommit, describeMachine } from './machine.ts'
import { measureAll } from './measures/all.ts'
import { measureRest } from './measures/rest.ts'
import { nginx } from './parts/nginx.ts'
import { wrkPart } from './parts/wrk.ts'
import { buildPostern, root } from './peers/postern.ts'
import { type Plan, plans } from './plan.ts'
import { requireCores } from './process/cores.ts'
import { printTable } from './report/print.ts'
import { publish } from './report/publish.ts'
import type { Result } from './result.ts'
import { resultsFolder } from './results.ts'
import { say } from './say.ts'
import { bring } from './setup.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    guard: { type: 'boolean', default: false },
    rest: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
  },
})

const narrowed = (plan: Plan): Plan => {
  const names = values.rest ? [] : values.only?.split(',')
  return {
    ...plan,
    peers: names ? plan.peers.filter(({ name }) => names.includes(name)) : plan.peers,
    rounds: Number(values.rounds ?? plan.rounds),
  }
}

const measure = async (plan: Plan): Promise<Result> => {
  await bring([nginx, wrkPart, caddy, ...plan.peers.flatMap(({ parts }) => parts)])
  await buildPostern()
  const { peers, missing } = await measureAll(plan, plan.peers)
  const rest = plan.everything ? await measureRest() : { missing: [] }
  return {
    kind: plan.kind,
    date: new Date().toISOString(),
    commit: describeCommit(),
    machine: describeMachine(),
    rounds: plan.rounds,
    peers,
    ...rest,
    missing: [...missing, ...rest.missing],
  }
}

requireCores()
const kind = values.guard ? 'guard' : values.quick ? 'quick' : 'full'
const result = await measure(narrowed(plans[kind]))
const text = `${JSON.stringify(result, null, 1)}\n`
printTable(result)
for (const { name, what, reason } of result.missing)
  say(`NOT MEASURED: ${what} of ${name}: ${reason}`)
if (values.out !== undefined) await writeFile(values.out, text)
if (kind === 'guard') process.exitCode = guard(result)
if (kind === 'full' && !values.rest && values.only === undefined && values.rounds === undefined) {
  const name = `${result.date.slice(0, 10)}-${result.commit.replace('+', '-changed')}.json`
  await mkdir(resultsFolder, { recursive: true })
  await writeFile(join(resultsFolder, name), text)
  await must(join(root, 'node_modules', '.bin', 'biome'), ['format', '--write', resultsFolder])
  await publish(result)
}
