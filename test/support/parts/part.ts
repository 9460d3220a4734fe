import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where a part is, or in one sentence why it cannot be had on this machine. */
export type Place = { readonly path: string } | { readonly missing: string }

/** Prints one line of progress. */
export type Say = (line: string) => void

/** A real program or file that the tests in test/real play against. */
export interface Part {
  /** As in `--without NAME`. */
  readonly name: string
  /** The pinned version, or where it comes from when the system decides it. */
  readonly version: string
  /** Looks, and changes nothing. Cheap enough to be asked by every test file. */
  find(): Place
  /** Brings the part; called again after a break it goes on where it stopped. Rejects with the reason. */
  install(say: Say): Promise<void>
}

/**
 * Outside the repo on purpose: CI starts from a fresh clone, and a virtual environment inside a checkout is walked by
 * every linter. `POSTERN_PARTS` moves it.
 */
export const partsFolder = (): string =>
  process.env.POSTERN_PARTS ?? join(homedir(), '.cache', 'postern-parts')

const marker = (folder: string) => join(folder, '.complete')

/** Whether `folder` was finished for this very `recipe`; a half-made or outdated one does not count. */
export const isComplete = (folder: string, recipe: string): boolean =>
  existsSync(marker(folder)) && readFileSync(marker(folder), 'utf8') === recipe

/** Marks `folder` as finished for `recipe`, as the last step of making it. */
export const complete = async (folder: string, recipe: string): Promise<void> => {
  await mkdir(folder, { recursive: true })
  await writeFile(marker(folder), recipe)
}

/** The path of a part that is known to be there. Throws the reason when it is not. */
export const pathOf = (part: Part): string => {
  const place = part.find()
  if ('missing' in place) throw new Error(`${part.name}: ${place.missing}`)
  return place.path
}
