import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { open, type Place } from '../../adapter/node/tailscaled/expose/change.ts'
import {
  type Exposure,
  readExposure,
  type Wanted,
} from '../../adapter/node/tailscaled/expose/record.ts'
import { gatewayRuns } from '../../adapter/node/tailscaled/expose/running.ts'
import type { Config } from '../../config/config.ts'
import { addressOf, type Door } from '../../tailscale/serve-config.ts'
import { changeFile } from '../act.ts'
import { print } from '../table.ts'
import { type PlaceFlags, placeOf } from './place.ts'
import { programWithSudo } from './program.ts'

export interface OpenFlags extends PlaceFlags {
  readonly port?: number
  readonly http?: boolean
  /** ms. */
  readonly for?: number
  readonly yes?: boolean
}

interface Report {
  readonly config: string
  readonly mode: string
  readonly address: string
  readonly leads_to: string
  readonly funnel: boolean
  readonly until: string | null
  /** `stopped`: none runs on this data directory. */
  readonly gateway: 'follows' | 'stopped' | 'does not answer'
}

/** @throws Error, with what was done and what was not in its message */
export const openDoor = async (mode: Wanted['mode'], flags: OpenFlags): Promise<void> => {
  const scheme = flags.http ? 'http' : 'https'
  const wanted: Wanted = { mode, scheme, port: flags.port ?? (flags.http ? 80 : 443) }
  const { config, ...place } = await placeOf(flags)
  const running = await gatewayRuns(place.dataDir)
  if (flags.for !== undefined && !running) throw new Error(needsGateway(place))
  const before = await readExposure(place.dataDir)
  const until = flags.for === undefined ? undefined : Date.now() + flags.for
  const rest = until === undefined ? {} : { until, ...afterwards(wanted, config, before) }
  const detail = `${wanted.scheme}, port ${wanted.port}${until === undefined ? '' : `, until ${new Date(until).toISOString()}`}`
  const { door } = await changeFile(flags, { action: 'expose.open', target: mode, detail }, () =>
    open(place, wanted, rest, programWithSudo(place, flags)),
  )
  const gateway = !running ? 'stopped' : (await answers(door)) ? 'follows' : 'does not answer'
  const report: Report = {
    config: place.configPath,
    mode,
    address: addressOf(door),
    leads_to: door.leadsTo,
    funnel: door.funnel,
    until: until === undefined ? null : new Date(until).toISOString(),
    gateway,
  }
  await print(flags.json ? `${JSON.stringify(report, null, 2)}\n` : text(report))
  if (gateway === 'does not answer') process.exitCode = 1
}

const needsGateway = ({ dataDir }: Place): string =>
  `no gateway runs with ${dataDir}, and it is the gateway that would close the door in time. Start it with ` +
  '`postern up`, or leave out --for. Nothing was changed'

/** What was open without an end is open again after that, if it was something else and is still in force. */
const afterwards = (
  wanted: Wanted,
  config: Config,
  before: Exposure | undefined,
): Pick<Exposure, 'after'> => {
  if (before === undefined || config.mode !== before.wanted.mode) return {}
  const lasting = before.until === undefined ? before.wanted : before.after
  return lasting === undefined || same(lasting, wanted) ? {} : { after: lasting }
}

const same = (a: Wanted, b: Wanted): boolean =>
  a.mode === b.mode && a.port === b.port && a.scheme === b.scheme

/** ms for a running gateway to take the configuration over. */
const FOLLOWS = 5000

/** Does somebody listen where tailscaled leads? */
const answers = async ({ leadsTo }: Door): Promise<boolean> => {
  const started = performance.now()
  do {
    if (await connects(leadsTo)) return true
    await sleep(50)
  } while (performance.now() - started < FOLLOWS)
  return false
}

const connects = (target: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = target.startsWith('unix:')
      ? connect(target.slice('unix:'.length))
      : connect(Number(new URL(target).port), new URL(target).hostname.replace(/^\[|\]$/g, ''))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const gatewayLine: Readonly<Record<Report['gateway'], string>> = {
  follows: 'the gateway answers there',
  stopped: 'no gateway is running: start it with `postern up`',
  'does not answer':
    'THE GATEWAY DOES NOT ANSWER THERE: see its log for why it kept the old configuration',
}

const text = (report: Report): string => {
  const { config, mode, address, leads_to, funnel, until, gateway } = report
  const lines = [
    `config      ${config}: "mode" is "${mode}", "front" is "tailscale"`,
    `tailscaled  ${address} → ${leads_to}`,
    `open to     ${funnel ? 'your tailnet and the internet' : 'your tailnet'}`,
    ...(until === null ? [] : [`until       ${until}`]),
    `gateway     ${gatewayLine[gateway]}`,
  ]
  return `${lines.join('\n')}\n\n  ${address.replace(/\/$/, '')}\n`
}
