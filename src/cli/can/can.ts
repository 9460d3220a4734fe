import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { loadConfig } from '../../adapter/node/config/config-file.ts'
import { createTransport } from '../../adapter/node/http/transport.ts'
import type { Config } from '../../config/config.ts'
import { formatProblem } from '../../config/problem.ts'
import { type Explanation, explain } from '../../gateway/policy/explain.ts'
import type { Place, Subject } from '../../gateway/policy/sources.ts'
import { doorsOf, subjectOf } from '../../gateway/policy/who.ts'
import { withDemo } from '../../gateway/upstream/demo.ts'
import { createRegistry } from '../../gateway/upstream/registry.ts'
import { anyDialect } from '../../gateway/upstream/routing/any-dialect.ts'
import type { Door } from '../../platform/caller.ts'
import { print } from '../table.ts'
import { configOption } from '../user/config-option.ts'
import { grantPlaces } from './places.ts'
import { report } from './report.ts'

interface Flags {
  readonly config: string
  readonly door?: Door
  readonly shared?: boolean
  readonly json?: boolean
}

/** One answer for each door that was asked about. */
export interface Answer extends Explanation {
  readonly door: Door
}

/** `postern can WHO MODEL`: which grant says so, or every reason why not. */
export const canCommand = (): Command =>
  new Command('can')
    .description('may they use a model, and which grant says so, or why not; exit 1 when not')
    .argument('<who>', 'a login, user name, "tag:a,tag:b", "group:x", "(owner)" or "(loopback)"')
    .argument('<model>', 'as a client writes it, with or without its provider')
    .addOption(configOption())
    .addOption(
      new Option('--door <door>', 'by which door; default: any').choices([
        'public',
        'tailnet',
        'local',
      ]),
    )
    .option(
      '--shared',
      'treat them as a user of another tailnet whose node is shared into this one',
    )
    .option('--json', 'print JSON')
    .action(can)

async function can(who: string, model: string, flags: Flags): Promise<void> {
  const { config, problems } = await loadConfig(flags.config)
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  const subject = { ...subjectOf(who, config), ...(flags.shared && { shared: true }) }
  const doors = flags.door ? [flags.door] : doorsOf(who, subject)
  const answers = await ask(config, subject, model, doors)
  const allowed = answers.some((answer) => answer.allowed)
  const places = grantPlaces(await readFile(flags.config, 'utf8'))
  const text = flags.json
    ? `${JSON.stringify({ who, model, allowed, doors: answers }, null, 2)}\n`
    : report({ who, model, answers, places, mode: config.mode })
  await print(text)
  process.exitCode = allowed ? 0 : 1
}

async function ask(
  config: Config,
  who: Subject,
  model: string,
  doors: readonly Door[],
): Promise<Answer[]> {
  const transport = createTransport()
  try {
    const clock = { now: () => Date.now(), elapsed: () => performance.now() }
    const platform = { send: withDemo(transport.send), clock, log: () => {} }
    const registry = createRegistry(platform, config)
    await registry.refresh()
    const providers = registry.providers()
    const known = {
      ...config,
      route: anyDialect(providers, model),
      models: providers.flatMap(({ id, models }) => models.map((name) => `${id}/${name}`)),
    }
    return doors.map((door) => ({ door, ...explain({ who, place: at(door), model }, known) }))
  } finally {
    await transport.close()
  }
}

const at = (door: Door): Place => ({ door, loopback: door === 'local' })
