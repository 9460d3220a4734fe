import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeConfig } from '../../config/config-file.ts'

const openMode = z.enum(['serve', 'funnel', 'both'])
const wanted = z.object({
  mode: openMode,
  port: z.number(),
  scheme: z.enum(['https', 'http']),
})

const exposure = z.object({
  wanted,
  /** Every door of ours that tailscaled may have been told of and not yet rid of. */
  opened: z.array(
    z.object({ host: z.string(), port: z.number(), mount: z.string(), leadsTo: z.string() }),
  ),
  /** What of the configuration is to be taken back. */
  edits: z.object({
    /** As it was; absent: it was not there. */
    front: z.string().optional(),
    /** Name of the listener that was added. */
    listener: z.string().optional(),
    /** There was a `mode`. */
    mode: z.boolean(),
  }),
  /** When it was opened like this; wall clock, ms since the epoch. Absent: by an older Postern. */
  since: z.number().optional(),
  /** When it is to be closed, likewise. */
  until: z.number().optional(),
  /** What is open after that; absent: nothing. */
  after: wanted.optional(),
})

/** What `postern expose` is to open. */
export type Wanted = z.output<typeof wanted>
/** What it has done, so that it can be undone: by another process, after a restart, under another configuration. */
export type Exposure = z.output<typeof exposure>

export const recordPath = (dataDir: string): string => join(dataDir, 'exposed.json')

/** @throws Error when the record cannot be read; undefined: nothing was exposed. */
export const readExposure = async (dataDir: string): Promise<Exposure | undefined> => {
  const path = recordPath(dataDir)
  try {
    return exposure.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path} cannot be read; remove it, and look at \`tailscale serve status\``, {
      cause: error,
    })
  }
}

/** On disk when it resolves. */
export const writeExposure = (dataDir: string, value: Exposure): Promise<void> =>
  writeConfig(recordPath(dataDir), `${JSON.stringify(value, null, 2)}\n`)

export const removeExposure = (dataDir: string): Promise<void> =>
  rm(recordPath(dataDir), { force: true })
