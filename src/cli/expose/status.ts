import { absoluteIn, inTime } from '../../adapter/node/tailscaled/expose/change.ts'
import { readExposure } from '../../adapter/node/tailscaled/expose/record.ts'
import { crossCheck, type TailnetProblem } from '../../tailscale/cross-checks.ts'
import { readFacts } from '../../tailscale/facts.ts'
import { addressOf, type Door, doorsOf } from '../../tailscale/serve-config.ts'
import { type Listening, listenerAt, listening } from '../../tailscale/serve-config-target.ts'
import { print, table } from '../table.ts'
import { type PlaceFlags, placeOf } from './place.ts'

export type StatusFlags = PlaceFlags

interface Row {
  readonly address: string
  readonly to: readonly ('tailnet' | 'internet')[]
  readonly leads_to: string
  /** Null: not ours. */
  readonly listener: string | null
  /** `node`, `foreground`, or the name of a Service. */
  readonly of: string
}

/** What is in force, from tailscaled's own mouth. Exit code 1 when that is not what the configuration says. */
export const showStatus = async (flags: StatusFlags): Promise<void> => {
  const { config, ...place } = await placeOf(flags)
  const [facts, exposure] = await Promise.all([
    readFacts(place.localApi, inTime()),
    readExposure(place.dataDir),
  ])
  const absolute = absoluteIn(place)
  const listeners = listening(config.listeners, absolute)
  const doors = facts.serveConfig === undefined ? [] : doorsOf(facts.serveConfig)
  const report = {
    mode: config.mode,
    front: config.front,
    until: exposure?.until === undefined ? null : new Date(exposure.until).toISOString(),
    doors: doors.map((door) => rowOf(door, listeners)),
    problems: crossCheck(config, facts, absolute),
  }
  await print(flags.json ? `${JSON.stringify(report, null, 2)}\n` : text(report))
  if (report.problems.length > 0) process.exitCode = 1
}

const rowOf = (door: Door, listeners: readonly Listening[]): Row => ({
  address: addressOf(door),
  to: door.funnel ? ['tailnet', 'internet'] : ['tailnet'],
  leads_to: door.leadsTo,
  listener: listenerAt(door.leadsTo, listeners)?.name ?? null,
  of: door.of,
})

const columns = ['address', 'open to', 'leads to', 'whose'].map((name) => ({ name }))

const text = (report: {
  readonly mode: string
  readonly front: string
  readonly until: string | null
  readonly doors: readonly Row[]
  readonly problems: readonly TailnetProblem[]
}): string => {
  const { mode, front, until, doors, problems } = report
  const rows = doors.map(({ address, to, leads_to, listener, of }) => [
    address,
    to.join(', '),
    leads_to,
    (listener === null ? 'not ours' : `listener ${listener}`) + (of === 'node' ? '' : `, ${of}`),
  ])
  const lines = [
    `the configuration says: "mode" is "${mode}", "front" is "${front}"`,
    ...(until === null ? [] : [`until ${until}`]),
    ...problems.map(({ severity, message, remedy }) => `${severity}: ${message}. ${remedy}`),
    ...(problems.length === 0 ? ['tailscaled does what the configuration says'] : []),
  ]
  return `${doors.length === 0 ? 'tailscaled serves nothing\n' : table(columns, rows)}\n${lines.join('\n')}\n`
}
