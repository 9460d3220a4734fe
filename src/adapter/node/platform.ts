import { createHmac, randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type {
  Clock,
  LocalApi,
  Log,
  PasswordVerifier,
  Platform,
  Store,
} from '../../platform/platform.ts'
import type { Send } from '../../platform/upstream.ts'
import { readAssets } from './assets.ts'
import { inflate } from './http/inflate.ts'
import { uuidv7 } from './uuid.ts'

export interface NodeParts {
  readonly store: Store
  readonly passwords: PasswordVerifier
  readonly send: Send
  readonly log: Log
  /** Where tailscaled is asked; absent: nobody is known by the tailnet. */
  readonly tailscale?: LocalApi
  /** What this host counts, for `/metrics`. */
  readonly processMetrics?: Platform['processMetrics']
  readonly shared?: Platform['shared']
  readonly machine?: Platform['machine']
  /** Default: a new one, so that sessions end with the process. */
  readonly sessionSecret?: Uint8Array
}

const clock: Clock = { now: () => Date.now(), elapsed: () => performance.now() }

/** Node's side of the port. The pepper lives in this process only: digests of credentials mean nothing outside it. */
export const createPlatform = (parts: NodeParts): Platform => {
  const { store, passwords, send, log, tailscale, processMetrics, shared, machine } = parts
  const pepper = randomBytes(32)
  return {
    clock,
    newId: () => uuidv7(),
    random: (count) => randomBytes(count),
    send,
    passwords,
    fingerprint: (secret) => createHmac('sha256', pepper).update(secret).digest('base64'),
    sessionSecret: parts.sessionSecret ?? randomBytes(32),
    store,
    log,
    assets: readAssets(),
    inflate,
    ...(tailscale && { tailscale }),
    ...(processMetrics && { processMetrics }),
    ...(machine && { machine }),
    shared,
    waitUntil: (work) => {
      work.catch((error: unknown) => log('error', 'background', { reason: String(error) }))
    },
  }
}
