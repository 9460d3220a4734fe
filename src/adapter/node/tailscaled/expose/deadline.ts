import type { Clock, Log } from '../../../../platform/platform.ts'
import { watchConfig } from '../../config/config-file.ts'
import { close, open, type Place } from './change.ts'
import { readExposure, recordPath, writeExposure } from './record.ts'

export interface DeadlineOptions {
  readonly place: () => Place
  readonly clock: Clock
  readonly log: Log
  /** The mode in force. */
  readonly mode: () => string
}

/** ms between two looks at the clocks: a timer sleeps with the machine, and the wall clock may be set. */
const EVERY = 250
/** ms before tailscaled is asked again to close what it did not. */
const AGAIN = 60_000

/**
 * Closes what `postern expose --for` has opened, when its time is over on the wall clock or on the one that never goes
 * back, whichever is first; at once when that was while no gateway ran.
 */
export const keepDeadline = ({ place, clock, log, mode }: DeadlineOptions): { stop(): void } => {
  let due: { readonly wall: number; readonly elapsed: number } | undefined
  let failed = false
  let busy = false
  let restUntil = Number.NEGATIVE_INFINITY

  const read = async (): Promise<void> => {
    try {
      const exposure = await readExposure(place().dataDir)
      due = exposure?.until === undefined ? undefined : dueAt(exposure.until, clock)
    } catch (error) {
      log('error', 'expose.record', { reason: String(error) })
    }
  }

  const look = async (): Promise<void> => {
    if (due === undefined || busy || clock.elapsed() < restUntil) return
    if (clock.now() < due.wall && clock.elapsed() < due.elapsed) return
    busy = true
    try {
      await end(place(), mode())
      due = undefined
      failed = false
      log('info', 'expose.closed', { reason: 'its time is over' })
    } catch (error) {
      const reason = `what was exposed for a time is not closed: ${String(error)}. Run \`postern expose off\``
      if (!failed) log('error', 'expose.closed', { reason })
      failed = true
      restUntil = clock.elapsed() + AGAIN
    } finally {
      busy = false
    }
  }

  const watcher = watchConfig(recordPath(place().dataDir), () => void read(), { since: '' })
  const timer = setInterval(() => void look(), EVERY)
  return {
    stop: () => {
      watcher.close()
      clearInterval(timer)
    },
  }
}

const dueAt = (until: number, clock: Clock) => ({
  wall: until,
  elapsed: clock.elapsed() + (until - clock.now()),
})

/**
 * For the start of a gateway: closes what should have been closed while none ran. True: the configuration has changed.
 * What tailscaled does not let go of is tried again by `keepDeadline`; the configuration is shut by then.
 */
export const endOverdue = async (place: Place, mode: string): Promise<boolean> => {
  const exposure = await readExposure(place.dataDir)
  if (exposure?.until === undefined || Date.now() < exposure.until) return false
  await end(place, mode).catch(() => {})
  return true
}

/** Back to what was open before. Where somebody has set another mode since, that is kept, and the door is closed. */
const end = async (place: Place, mode: string): Promise<void> => {
  const exposure = await readExposure(place.dataDir)
  if (exposure === undefined) return
  const untouched = mode === exposure.wanted.mode
  if (!untouched || exposure.after === undefined) {
    return close(place, undefined, { config: untouched })
  }
  try {
    await open(place, exposure.after, {})
  } catch {
    // Too much is closed rather than too little; and what is on record is still to be closed.
    const opened = (await readExposure(place.dataDir))?.opened ?? []
    await writeExposure(place.dataDir, { ...exposure, opened: [...exposure.opened, ...opened] })
    await close(place)
  }
}
