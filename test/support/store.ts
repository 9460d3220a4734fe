import type { QuotaListener, Store } from '../../src/platform/platform.ts'
import type { Act } from '../../src/platform/records/act.ts'
import type { KeyRing, KeyUse } from '../../src/platform/records/api-key.ts'
import type { Charge, QuotaChange } from '../../src/platform/records/balance.ts'
import type { Ban } from '../../src/platform/records/ban.ts'
import type { Capture } from '../../src/platform/records/captured.ts'
import type { StoredResponse } from '../../src/platform/records/stored-response.ts'
import type { AuthFailureRow, UsageRow } from '../../src/platform/records/usage.ts'

export interface MemoryStore extends Store {
  readonly usage: UsageRow[]
  readonly failures: AuthFailureRow[]
  readonly bans: Ban[]
  readonly acts: Act[]
  /** What was taken out of buckets, and the other changes to them. */
  readonly charges: Charge[]
  readonly quotaChanges: QuotaChange[]
  /** Whoever wants to know of buckets and refills. */
  readonly quotaListeners: QuotaListener[]
  /** What the gateway sees when the CLI changed the bans of a running one. */
  changeBans(bans: readonly Ban[]): void
  readonly captures: Capture[]
  /** That providers keep, by id. */
  readonly responses: Map<string, StoredResponse>
  readonly keyUses: KeyUse[]
  /** What the gateway sees when the CLI made or revoked a key; undefined: the database does not tell. */
  changeKeys(ring: KeyRing | undefined): void
  setHealthy(healthy: boolean): void
}

/** A `Store` that keeps its rows in arrays, for tests of everything but storage. */
export const memoryStore = (): MemoryStore => {
  const usage: UsageRow[] = []
  const failures: AuthFailureRow[] = []
  const bans: Ban[] = []
  const listeners: ((bans: readonly Ban[]) => void)[] = []
  const acts: Act[] = []
  const charges: Charge[] = []
  const quotaChanges: QuotaChange[] = []
  const quotaListeners: QuotaListener[] = []
  const captures: Capture[] = []
  const keyUses: KeyUse[] = []
  const keyListeners: ((ring: KeyRing) => void)[] = []
  let keys: KeyRing | undefined = { keys: [], signers: [] }
  const responses = new Map<string, StoredResponse>()
  let answering = true
  return {
    usage,
    failures,
    bans,
    acts,
    charges,
    quotaChanges,
    quotaListeners,
    keyUses,
    captures,
    recordUsage: async (row, charged = []) => {
      if (usage.some(({ id }) => id === row.id)) return
      charges.push(...charged)
      usage.push(row)
    },
    recordAuthFailure: async (row) => {
      if (!failures.some(({ id }) => id === row.id)) failures.push(row)
    },
    saveBan: async (ban) => {
      const known = bans.findIndex(({ address }) => address === ban.address)
      if (known === -1) bans.push(ban)
      else bans[known] = ban
    },
    loadBans: async () => [...bans],
    onBansChanged: (listener) => {
      listeners.push(listener)
    },
    loadKeys: async () => {
      if (keys === undefined) throw new Error('away')
      return keys
    },
    onKeysChanged: (listener) => {
      keyListeners.push(listener)
    },
    onQuotas: (listener) => {
      quotaListeners.push(listener)
      listener.kept({ balances: [], refills: [] })
    },
    shared: false,
    changeQuotas: async (change) => void quotaChanges.push(change),
    recordKeyUse: async (use) => void keyUses.push(use),
    saveCapture: async (capture) => void captures.push(capture),
    keepCaptures: () => {},
    saveResponse: async (response) => {
      const known = responses.get(response.id)
      if (!known || known.login === response.login) responses.set(response.id, response)
    },
    responses,
    saveExport: async () => {},
    record: async (act) => void acts.push(act),
    ask: async (name, asks) => {
      if (name === 'response') return (responses.get((asks as { id: string }).id) ?? null) as never
      if (name === 'quotas') return { balances: [], refills: [] } as never
      if (name === 'audit') return acts.map(({ audit }) => audit).reverse() as never
      if (name === 'browsers') return browsersIn(acts, asks as { login?: string }) as never
      if (name === 'endedBrowsers') return endedIn(acts) as never
      if (name === 'configVersions') return versionsIn(acts).reverse() as never
      if (name === 'configVersion') return versionIn(acts, asks as { id?: string }) as never
      if (name === 'bans') return [...bans] as never
      if (name in nothingUsed) return nothingUsed[name as keyof typeof nothingUsed] as never
      const { login } = asks as { readonly login?: string }
      return acts.flatMap(({ change }) =>
        change?.kind === 'key.create' && (login ?? change.key.login) === change.key.login
          ? [{ ...change.key, signed: change.key.kid !== null, revokedAt: null, lastUsedAt: null }]
          : [],
      ) as never
    },
    healthy: () => answering,
    changeBans: (changed) => {
      bans.splice(0, bans.length, ...changed)
      for (const listener of listeners) listener([...bans])
    },
    changeKeys: (ring) => {
      keys = ring
      if (ring !== undefined) for (const listener of keyListeners) listener(ring)
    },
    setHealthy: (healthy) => {
      answering = healthy
    },
  }
}

const endedIn = (acts: readonly Act[]): string[] =>
  acts.flatMap(({ change }) => (change?.kind === 'session.end' ? [change.id] : []))

const browsersIn = (acts: readonly Act[], { login }: { readonly login?: string }) => {
  const ended = new Set(endedIn(acts))
  return acts
    .flatMap(({ change }) => (change?.kind === 'session.start' ? [change.browser] : []))
    .filter(({ id, login: whose }) => !ended.has(id) && (login ?? whose) === whose)
}

const versionsIn = (acts: readonly Act[]) => {
  const gone = acts.flatMap(({ change }) => (change?.kind === 'config.withdraw' ? change.id : []))
  return acts
    .flatMap(({ change }) => (change?.kind === 'config.keep' ? change.versions : []))
    .filter(({ id }) => !gone.includes(id))
}

const versionIn = (acts: readonly Act[], { id }: { readonly id?: string }) =>
  versionsIn(acts).findLast((version) => (id ?? version.id) === version.id) ?? null

/** Sums are the database's own work: test/admin/usage.test.ts asks a real one. */
const nothingUsed = {
  attempts: { points: [], addresses: [] },
  usageTotals: { requests: 0, failed: 0, firstByte: null, duration: null },
  usageGroups: [],
  usageSeries: [],
  usagePeople: [],
  requests: { rows: [] },
  request: null,
  capture: null,
  sessions: { rows: [] },
}
