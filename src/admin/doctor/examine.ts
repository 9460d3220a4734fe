import { secretsOf } from '../../gateway/http/log/log-line.ts'
import type { Machine } from '../../platform/machine.ts'
import { checkAbuse } from './checks/abuse.ts'
import { checkConfiguration } from './checks/configuration.ts'
import { checkDoors } from './checks/doors.ts'
import { checkGateway } from './checks/gateway.ts'
import { checkLedger } from './checks/ledger.ts'
import { checkMachine } from './checks/machine.ts'
import { checkModels } from './checks/models.ts'
import { checkSpeed } from './checks/speed.ts'
import { checkWebui } from './checks/webui.ts'
import { type Finding, finding, type Subject, subjects } from './finding.ts'
import type { Check, Given } from './given.ts'
import { inTime } from './in-time.ts'

const checks: Readonly<Record<Subject, Check>> = {
  configuration: async ({ problems }) => checkConfiguration(problems),
  machine: checkMachine,
  gateway: checkGateway,
  doors: checkDoors,
  models: checkModels,
  speed: checkSpeed,
  webui: checkWebui,
  ledger: checkLedger,
  abuse: checkAbuse,
}

/** ms for one part, whatever it does. Its own questions are given up before. */
const longest = 8000

/**
 * Looks at everything, all parts at once, and changes nothing. In the order of `subjects`; what is fine is among the
 * findings. Never rejects.
 * @param done told of each part that is through
 */
export const examine = async (
  given: Given,
  done: (subject: Subject) => void = () => {},
): Promise<Finding[]> => {
  const shared = { ...given, machine: given.machine && askedOnce(given.machine) }
  const found = await Promise.all(
    subjects.map(async (subject) => {
      const findings = await carefully(subject, () => checks[subject](shared))
      done(subject)
      return findings
    }),
  )
  return withoutSecrets(found.flat(), given)
}

/** Where the configuration cannot be used: what is wrong with it, and what needs none of it. */
export const examineWithout = async (
  problems: Given['problems'],
  machine: Machine,
): Promise<Finding[]> => [
  ...checkConfiguration(problems),
  finding('configuration.unusable', 'configuration'),
  ...(await carefully('machine', () => checkMachine({ machine }))),
]

const carefully = async (
  subject: Subject,
  check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> => {
  try {
    return await inTime(check(), longest)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return [finding('doctor.unasked', subject, { subject, reason })]
  }
}

/** Several parts want to know the same of the machine. */
const askedOnce = (machine: Machine): Machine => {
  let facts: ReturnType<Machine['facts']> | undefined
  return {
    facts: () => {
      facts ??= machine.facts()
      return facts
    },
    ledger: () => machine.ledger(),
    redis: () => machine.redis(),
    connects: (host, port) => machine.connects(host, port),
    ask: (bind, path) => machine.ask(bind, path),
    upgrade: (url, headers) => machine.upgrade(url, headers),
    exposed: () => machine.exposed(),
    absolute: (path) => machine.absolute(path),
  }
}

/** No text is made of one; what a library says in an error might be. */
const withoutSecrets = (findings: readonly Finding[], { config }: Given): Finding[] => {
  const secrets = secretsOf(config)
  const clean = (text: string): string =>
    secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
  return findings.map((each) => ({ ...each, says: clean(each.says), remedy: clean(each.remedy) }))
}
