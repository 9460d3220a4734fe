import { readFile } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import type { Config } from '../../../../config/config.ts'
import { formatProblem } from '../../../../config/problem.ts'
import type { LocalApi } from '../../../../platform/platform.ts'
import { crossCheck } from '../../../../tailscale/cross-checks.ts'
import {
  changesType,
  commandsFor,
  type IsOurs,
  type OpenedDoor,
  type Opening,
  oursAmong,
  withDoor,
  withoutDoors,
} from '../../../../tailscale/expose.ts'
import { obstacles } from '../../../../tailscale/expose-preconditions.ts'
import { type Door, doorsOf, type ServeConfig } from '../../../../tailscale/serve-config.ts'
import {
  changeServeConfig,
  readServeConfig,
  readStatus,
} from '../../../../tailscale/serve-config-change.ts'
import { listening, targetOf } from '../../../../tailscale/serve-config-target.ts'
import { parseText, writeConfig } from '../../config/config-file.ts'
import { closeIn, openIn } from './edit.ts'
import {
  type Exposure,
  readExposure,
  removeExposure,
  type Wanted,
  writeExposure,
} from './record.ts'

export interface Place {
  readonly configPath: string
  readonly dataDir: string
  readonly localApi: LocalApi
  /** tailscaled's socket, where the configuration names it; for commands. */
  readonly socket: string | undefined
}

/** Nothing was changed, and why; one line for each reason. */
export class Refused extends Error {
  constructor(reasons: readonly string[]) {
    super(reasons.join('\n'))
    this.name = 'Refused'
  }
}

/** How tailscaled is to be changed, and by which commands a person would do the same. */
export interface Programming {
  readonly steps: readonly ((config: ServeConfig) => ServeConfig)[]
  commands(config: ServeConfig): string[][]
}

/** Brings tailscaled there, or throws. */
export type Program = (programming: Programming) => Promise<void>

export interface Opened {
  /** As tailscaled has it now. */
  readonly door: Door
  readonly text: string
}

/** ms for one answer of tailscaled. */
const patience = 5000
export const inTime = (): AbortSignal => AbortSignal.timeout(patience)

/** The usual way: to write the serve-config. */
export const programOver =
  (localApi: LocalApi): Program =>
  async ({ steps }) => {
    for (const step of steps) await changeServeConfig(localApi, step, inTime())
  }

/**
 * Opens the door, and no other. Everything is looked at before anything is changed; then the configuration comes first,
 * so that a running gateway has its socket, then tailscaled. When tailscaled cannot be brought there, the configuration
 * is put back where it was, unless that was wider.
 * @throws Refused, and what `program` throws
 */
export const open = async (
  place: Place,
  wanted: Wanted,
  rest: Pick<Exposure, 'until' | 'after'>,
  program: Program = programOver(place.localApi),
): Promise<Opened> => {
  const before = await readExposure(place.dataDir)
  const text = await readFile(place.configPath, 'utf8')
  const edited = openIn(text, wanted.mode, before?.edits)
  const config = configIn(place, edited.text)
  const { opening, isOurs, served } = await plan(place, config, wanted, before)
  const opened = { host: opening.host, port: opening.port, mount: '/', leadsTo: opening.target }
  const known = before?.opened ?? []
  const since = (before?.wanted.mode === wanted.mode ? before.since : undefined) ?? Date.now()
  const { edits } = edited
  const exposure: Exposure = { wanted, since, edits, opened: [...known, opened], ...rest }
  await writeExposure(place.dataDir, exposure)
  if (edited.text !== text) await writeConfig(place.configPath, edited.text)
  try {
    await program({
      steps: [
        ...(changesType(served, opening) ? [(it: ServeConfig) => withoutDoors(it, isOurs)] : []),
        (it) => withDoor(it, opening, isOurs),
      ],
      commands: (it) => commandsFor(it, opening, isOurs, place.socket),
    })
    const door = await readBack(place, opening)
    await writeExposure(place.dataDir, { ...exposure, opened: [opened] })
    return { door, text: edited.text }
  } catch (error) {
    // A door that was to become narrower is narrower by the configuration already, and stays so.
    if (isPublic(before?.wanted) && !isPublic(wanted)) throw error
    await putBack(place, { text, edited: edited.text, before, exposure, opened })
    throw error
  }
}

/**
 * Closes what was opened: first in the configuration, so that the gateway lets nobody in any more, then in tailscaled,
 * whether the first could be done or not.
 * @param config false leaves the configuration alone: somebody has decided about it since
 * @throws what `program` throws, and when the configuration cannot be written; what was opened stays on record then
 */
export const close = async (
  place: Place,
  program: Program = programOver(place.localApi),
  { config = true } = {},
): Promise<void> => {
  const exposure = await readExposure(place.dataDir)
  const text = await readFile(place.configPath, 'utf8')
  const current = parseText(place.configPath, text).config
  const listeners = listening(current?.listeners ?? [], absoluteIn(place))
  const isOurs = oursAmong(exposure?.opened ?? [], listeners)
  const [written] = await Promise.allSettled([config ? shut(place, text, exposure) : undefined])
  await program({
    steps: [(it) => withoutDoors(it, isOurs)],
    commands: (it) => commandsFor(it, undefined, isOurs, place.socket),
  })
  const { config: served } = await readServeConfig(place.localApi, inTime())
  if (doorsOf(served).some(isOurs)) {
    throw new Error('tailscaled still serves what was to be closed')
  }
  if (written.status === 'rejected') throw written.reason
  await removeExposure(place.dataDir)
}

const shut = async (place: Place, text: string, exposure: Exposure | undefined) => {
  const closed = closeIn(text, exposure?.edits)
  if (closed !== text) await writeConfig(place.configPath, closed)
}

const configIn = ({ configPath }: Place, text: string): Config => {
  const { config, problems } = parseText(configPath, text)
  if (config) return config
  const errors = problems.filter(({ severity }) => severity === 'error')
  throw new Refused(errors.map(formatProblem))
}

/** What is to be opened, looked at from every side. */
const plan = async (
  place: Place,
  config: Config,
  wanted: Wanted,
  before: Exposure | undefined,
): Promise<{ opening: Opening; isOurs: IsOurs; served: ServeConfig }> => {
  const [status, { config: served }] = await asked(place)
  const funnel = wanted.mode !== 'serve'
  const missing = obstacles(status, { ...wanted, funnel })
  if (missing.length > 0) throw new Refused(missing.map(sentence))
  const absolute = absoluteIn(place)
  const listeners = listening(config.listeners, absolute)
  const listener = listeners.find(({ identity }) => identity === 'serve')
  if (listener === undefined) throw new Refused(['no listener has "identity": "serve"'])
  if (listener.bind.kind === 'tcp' && listener.bind.port === 0) {
    throw new Refused([`listener "${listener.name}" has no fixed port. Give it one`])
  }
  const isOurs = oursAmong(before?.opened ?? [], listeners)
  const opening: Opening = {
    host: (status.Self?.DNSName ?? '').replace(/\.$/, ''),
    port: wanted.port,
    scheme: wanted.scheme,
    target: targetOf(listener),
    funnel,
    acceptAppCaps: config.tailscale.capabilities,
  }
  const serveConfig = withDoor(served, opening, isOurs)
  const problems = crossCheck(config, { status, serveConfig }, absolute)
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Refused(errors.map(sentence))
  return { opening, isOurs, served }
}

const asked = async ({ localApi }: Place) => {
  try {
    return await Promise.all([readStatus(localApi, inTime()), readServeConfig(localApi, inTime())])
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Refused([
      `tailscaled cannot be asked: ${reason}. Start it, or name its socket in tailscale.socket`,
    ])
  }
}

/** A path of a listener as the gateway would bind it. */
export const absoluteIn =
  ({ dataDir }: Pick<Place, 'dataDir'>) =>
  (path: string): string =>
    isAbsolute(path) ? path : resolve(dataDir, path)

export const sentence = ({ message, remedy }: { message: string; remedy: string }): string =>
  `${message}. ${remedy}`

/** What tailscaled says to have is what counts, not what it was told. */
const readBack = async ({ localApi }: Place, opening: Opening): Promise<Door> => {
  const { config } = await readServeConfig(localApi, inTime())
  const door = doorsOf(config).find(
    ({ host, port, mount, leadsTo }) =>
      host === opening.host && port === opening.port && mount === '/' && leadsTo === opening.target,
  )
  if (door === undefined || door.funnel !== opening.funnel || door.scheme !== opening.scheme) {
    throw new Error('tailscaled has taken the change and does not serve what was asked for')
  }
  return door
}

const isPublic = (wanted: Wanted | undefined): boolean =>
  wanted !== undefined && wanted.mode !== 'serve'

interface Attempt {
  readonly text: string
  readonly edited: string
  readonly before: Exposure | undefined
  readonly exposure: Exposure
  readonly opened: OpenedDoor
}

/**
 * After tailscaled could not be brought there. When it serves the door all the same, everything stays, to be closed by
 * `off`; when it cannot tell, the record stays: it must not forget a door.
 */
const putBack = async (place: Place, attempt: Attempt): Promise<void> => {
  const { text, edited, before, exposure, opened } = attempt
  const there = await isServed(place, opened)
  if (there) return
  const now = await readFile(place.configPath, 'utf8').catch(() => undefined)
  if (now === edited && edited !== text) await writeConfig(place.configPath, text)
  if (there === undefined) {
    await writeExposure(place.dataDir, { ...(before ?? exposure), opened: exposure.opened })
  } else if (before === undefined) await removeExposure(place.dataDir)
  else await writeExposure(place.dataDir, before)
}

const isServed = async ({ localApi }: Place, opened: OpenedDoor): Promise<boolean | undefined> => {
  try {
    const { config } = await readServeConfig(localApi, inTime())
    return doorsOf(config).some(oursAmong([opened], []))
  } catch {
    return undefined
  }
}
