/** What only the host of the gateway can find out. Each answers, or rejects, within three seconds. */
export interface Machine {
  facts(): Promise<MachineFacts>
  /** What the file of the ledger is like; undefined: a server has it. */
  ledger(): Promise<LedgerFile | undefined>
  /** Why the Redis of the configuration cannot be used; undefined: it can, or there is none. */
  redis(): Promise<string | undefined>
  /** Does anything listen there? */
  connects(host: string, port: number): Promise<boolean>
  /**
   * Asks one of our own listeners, or whoever has taken its place.
   * @throws an error with a `code`, as the system names it; `ETIMEDOUT` when nothing was answered
   */
  ask(at: Socket, path: string): Promise<{ readonly status: number; readonly body: string }>
  /**
   * Asks for a WebSocket, and leaves again. Resolves with the status of the answer, 101 when there was one.
   * @throws as `ask`
   */
  upgrade(url: URL, headers: Readonly<Record<string, string>>): Promise<number>
  /** What `postern expose` has opened; undefined: nothing. */
  exposed(): Promise<Exposed | undefined>
  /** Makes the path of a listener's socket absolute. */
  absolute(path: string): string
}

export interface Exposed {
  /** As `mode` of the configuration. */
  readonly mode: string
  /** Wall clock, ms; undefined: an older Postern opened it. */
  readonly since: number | undefined
  /** When it is closed again; undefined: when somebody does. */
  readonly until: number | undefined
}

/** As a listener's `bind` has it. */
export type Socket =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export interface MachineFacts {
  /** Version of Node. */
  readonly node: string
  /** Of this process, for people. */
  readonly user: string
  /** Bytes that may still be taken. */
  readonly freeMemory: number
  readonly data: DataFolder
  /** Of network interfaces, but for loopback. */
  readonly addresses: readonly { readonly interface: string; readonly address: string }[]
  /** We run in a container. */
  readonly container: boolean
  /** Ports of this machine that lead into a container, where the system tells. */
  readonly published: readonly number[]
  /** A gateway holds the data folder; undefined: that could not be found out. */
  readonly running: boolean | undefined
}

/** Where ledger, journal and sockets lie. */
export interface DataFolder {
  readonly path: string
  readonly exists: boolean
  readonly writable: boolean
  /** Bytes left on its disk; undefined: the system does not tell. */
  readonly free: number | undefined
  /** Names of files in it that every user of the machine can read. */
  readonly exposed: readonly string[]
  /** Bytes that wait there for the database. */
  readonly journal: number
  /** Bytes of what the database will never take. */
  readonly rejected: number
}

/** `late`: it is too large to be gone through in time. */
export type LedgerFile =
  | { readonly state: 'missing' | 'sound' | 'late'; readonly path: string }
  | { readonly state: 'damaged' | 'unreadable'; readonly path: string; readonly reason: string }
