import type { Part } from '../../test/support/parts/part.ts'

/** Where a peer is to run. */
export interface Site {
  /** Empty, and its own. */
  readonly folder: string
  readonly port: number
  /** The model server's address, without a slash at its end. */
  readonly upstream: string
}

/** How a peer is run on a site. */
export interface Recipe {
  /** Absent: the stub itself is measured. */
  readonly program?: {
    readonly command: string
    readonly args: readonly string[]
    readonly env?: NodeJS.ProcessEnv
  }
  /** Where to ask, and with what. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Something that stands between a client and a model server. */
export interface Peer {
  readonly name: string
  readonly title: string
  /** What it does beside passing on. */
  readonly does: string
  readonly parts: readonly Part[]
  /** Of the program that is installed. */
  version(): Promise<string>
  /** Writes what its program reads. */
  prepare(site: Site): Promise<Recipe>
  /** ms until it must have answered once; default 20,000. */
  readonly within?: number
}

export const chatPath = '/v1/chat/completions'

export const json = { 'content-type': 'application/json' } as const
