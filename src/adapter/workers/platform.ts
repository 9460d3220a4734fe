import { waitUntil } from 'cloudflare:workers'
import bcrypt from 'bcryptjs'
import type { Config } from '../../config/config.ts'
import { secretsOf } from '../../gateway/http/log/log-line.ts'
import { withDemo } from '../../gateway/upstream/demo.ts'
import { type PasswordVerifier, type Platform, VerifierBusy } from '../../platform/platform.ts'
import { assets } from './assets.ts'
import { newId } from './ids.ts'
import { inflate } from './inflate.ts'
import { createLog } from './log.ts'
import { createStore, type WorkersStore } from './store.ts'
import { send } from './transport.ts'

export interface WorkersPlatform extends Platform {
  readonly store: WorkersStore
}

/**
 * What Cloudflare Workers supply. One per isolate: made while a request is served, because the runtime gives neither
 * randomness nor the network before the first one.
 */
export const createPlatform = (config: Config, sessionSecret?: Uint8Array): WorkersPlatform => {
  const log = createLog({ level: config.log.level, secrets: secretsOf(config) })
  const keepAlive: Platform['waitUntil'] = (work) =>
    waitUntil(work.catch((error: unknown) => log('error', 'background', { reason: String(error) })))
  return {
    clock: { now: () => Date.now(), elapsed: () => performance.now() },
    newId,
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
    send: withDemo(send),
    passwords: createVerifier(keepAlive),
    fingerprint: createFingerprint(),
    sessionSecret: sessionSecret ?? crypto.getRandomValues(new Uint8Array(32)),
    store: createStore(config.database, { log, waitUntil: keepAlive }),
    log,
    assets,
    inflate,
    waitUntil: keepAlive,
  }
}

/** The isolate is one thread, and its clock stands still while it computes: more at once would only wait longer. */
const maxChecks = 4

/**
 * bcrypt in the isolate itself. The runtime has no threads to move it to, so its cost is CPU time of the request:
 * docs/workers.md has the limits.
 */
const createVerifier = (keepAlive: Platform['waitUntil']): PasswordVerifier => {
  let running = 0
  return {
    verify: async (password, hash, signal) => {
      signal?.throwIfAborted()
      if (running >= maxChecks) throw new VerifierBusy()
      running += 1
      const check = bcrypt.compare(password, hash).finally(() => {
        running -= 1
      })
      // Another request may wait for the same check; it must not stop when this one's client leaves.
      keepAlive(check)
      return check
    },
  }
}

/** HMAC-SHA-256 under a key that is made in this isolate, cannot be exported and dies with it. */
const createFingerprint = (): Platform['fingerprint'] => {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = crypto.subtle.generateKey(algorithm, false, ['sign']) as Promise<CryptoKey>
  return async (secret) => {
    const digest = await crypto.subtle.sign('HMAC', await key, new TextEncoder().encode(secret))
    return btoa(String.fromCharCode(...new Uint8Array(digest)))
  }
}
