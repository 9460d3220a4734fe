import type { ConfigDocument } from '../admin/api/config/document.ts'
import { createMetrics, type Metrics } from '../admin/metrics/metrics.ts'
import { createHooksState, type HooksState } from '../gateway/hooks/state.ts'
import { type BodyMemory, createBodyMemory } from '../gateway/http/body-memory.ts'
import {
  type CredentialCache,
  createCredentialCache,
} from '../gateway/identity/credential-cache.ts'
import { createEndedSessions } from '../gateway/identity/ended-sessions.ts'
import { createKeySets, type KeySets } from '../gateway/identity/key-sets.ts'
import { createKeys, type Keys } from '../gateway/identity/keys.ts'
import { type CodeHistory, createCodeHistory } from '../gateway/identity/schemes/code.ts'
import type { Stoppable } from '../gateway/proxy/exchange.ts'
import { createTunnels, type Tunnels } from '../gateway/proxy/webui/tunnels.ts'
import { QuotaLedger } from '../gateway/quota/ledger.ts'
import { type Bans, createBans } from '../gateway/ratelimit/bans.ts'
import { createFailures, type Failures } from '../gateway/ratelimit/failures.ts'
import { createLimiter, type Limiter } from '../gateway/ratelimit/limits.ts'
import {
  createStoredResponses,
  type StoredResponses,
} from '../gateway/responses/stored-responses.ts'
import { type Admission, createAdmission } from '../gateway/upstream/admit.ts'
import { keyHeader } from '../gateway/upstream/credential/credential.ts'
import { createHealth, type HealthRecord } from '../gateway/upstream/health.ts'
import { fetchJson } from '../gateway/upstream/probe/fetch-json.ts'
import { createQuirks, type Quirks } from '../gateway/upstream/quirks.ts'
import type { Registry } from '../gateway/upstream/registry.ts'
import { createLive, type Live } from '../gateway/usage/live.ts'
import type { Platform } from '../platform/platform.ts'
import { createDirectory, type Directory } from '../tailscale/directory.ts'
import { createForwards, type Forwards } from '../tailscale/forwards.ts'

/** What outlives a configuration: who is banned, what was counted, what is known of providers. */
export interface State {
  readonly bans: Bans
  readonly failures: Failures
  readonly limiter: Limiter
  readonly credentials: CredentialCache
  readonly codes: CodeHistory
  readonly keys: Keys
  readonly keySets: KeySets
  readonly endedSessions: ReturnType<typeof createEndedSessions>
  readonly directory: Directory
  /** Doors of tailscaled that lead astray. */
  readonly forwards: Forwards
  readonly registry: Pick<Registry, 'providers' | 'lookAgain'>
  /** The configuration where it is kept, if it can be changed from here. */
  readonly document: ConfigDocument | undefined
  /** What request bodies take. */
  readonly bodies: BodyMemory
  /** Places at the providers. */
  readonly admit: Admission['admit']
  readonly load: Admission['load']
  /** How providers did. */
  readonly health: HealthRecord
  /** What was found out about them by asking. */
  readonly quirks: Quirks
  /** Told what became of asking a provider. */
  readonly recordAttempt: HealthRecord['note']
  /** What hooks are still to be told. */
  readonly hooks: HooksState
  /** Budgets. */
  readonly quotas: QuotaLedger
  readonly metrics: Metrics
  /** News of the ledger. */
  readonly live: Live
  /** Whose the responses are that providers keep. */
  readonly responses: StoredResponses
  /** Answers under way. */
  readonly activeExchanges: Set<Stoppable>
  /** WebSockets to Open WebUI. */
  readonly tunnels: Tunnels
  /** The host is shutting down: no new work. */
  draining: boolean
}

export const createState = (
  platform: Platform,
  registry: State['registry'],
  document?: ConfigDocument,
): State => {
  const health = createHealth(platform.clock.now)
  const metrics = createMetrics(
    () => registry.providers(),
    (provider) => health.of(provider)?.up,
  )
  return {
    bans: createBans(platform),
    failures: createFailures(platform),
    limiter: createLimiter(platform.clock),
    credentials: createCredentialCache(platform),
    codes: createCodeHistory(),
    keys: createKeys(platform),
    endedSessions: createEndedSessions(platform),
    keySets: createKeySets({ ...platform, getJson: fetchJson(platform.send) }),
    directory: createDirectory({ ...platform, localApi: platform.tailscale }),
    forwards: createForwards({ ...platform, localApi: platform.tailscale }),
    registry,
    document,
    bodies: createBodyMemory(),
    ...createAdmission(),
    health,
    quirks: createQuirks(),
    recordAttempt: (provider, result, reason) => {
      metrics.attempt(provider, result)
      health.note(provider, result, reason)
    },
    hooks: createHooksState(platform, (key) => keyHeader({ ...key, authMode: 'override' })),
    metrics,
    quotas: new QuotaLedger(platform),
    live: createLive(),
    responses: createStoredResponses(platform),
    activeExchanges: new Set(),
    tunnels: createTunnels(),
    draining: false,
  }
}
