import type { UserConfig } from '../../config/config.ts'
import type { Auth, Client } from '../../http/env.ts'
import { type PasswordVerifier, type Platform, VerifierBusy } from '../../platform.ts'
import type { Caller } from '../caller.ts'
import type { CredentialCache, Flight, Offer } from '../credential-cache.ts'
import { byteLength, type PasswordCredential } from '../credentials.ts'

/** Says whether another guess may be checked. Asked before each hash. */
export interface AttemptGate {
  admit(client: Client, user: string): Admission
}

export type Admission =
  /** `settle` must be called once. `wrong` counts as a failure at once, so that no guess slips between. */
  | { readonly admitted: true; readonly settle: (outcome: Outcome) => void }
  /** ms until it is worth asking again. */
  | { readonly admitted: false; readonly retryAfter: number }

/** `void`: the check did not take place. */
export type Outcome = 'right' | 'wrong' | 'void'

export interface PasswordScheme {
  /** Never throws for a refusal. `signal`: the client left. */
  check(offered: PasswordCredential, client: Client, signal: AbortSignal): Promise<Auth>
  /** Was this found right for this client a moment ago? One digest and one look-up, also for who is shut out. */
  isProven(offered: PasswordCredential, client: Client): Promise<boolean>
}

export interface PasswordSchemeOptions {
  readonly passwords: PasswordVerifier
  readonly fingerprint: Platform['fingerprint']
  readonly cache: CredentialCache
  readonly users: ReadonlyMap<string, UserConfig>
  readonly attempts: AttemptGate
}

/** bcrypt ignores what follows, so that longer passwords equal each other: refused here and when a hash is made. */
export const maxPasswordBytes = 72

export const createPasswordScheme = (options: PasswordSchemeOptions): PasswordScheme => {
  const { cache, attempts } = options
  const dummy = dummyHash(options.users)
  const accounts = new Map([...options.users].map(([name, user]) => [name, account(name, user)]))

  const offerOf = async ({ user, password }: PasswordCredential, client: Client) => ({
    place: `${client.key} ${user}`,
    fingerprint: await options.fingerprint(`${user}\0${password}`),
    hash: accounts.get(user)?.hash ?? dummy,
  })

  const conclude = (user: string, right: boolean, counted: boolean): Auth => {
    const known = accounts.get(user)
    if (known !== undefined && right) return known.auth
    return { failure: known === undefined ? 'unknown_user' : 'wrong_password', user, counted }
  }

  const check: PasswordScheme['check'] = async (credential, client, signal) => {
    const { user, password } = credential
    if (tooLong(password)) return { failure: 'too_long', user }
    const offer = await offerOf(credential, client)
    if (cache.isProven(offer)) return conclude(user, true, false)
    // Whoever offers what is being checked already learns nothing by waiting along: no attempt is used up.
    const flight = cache.flights.get(flightKey(offer))
    if (flight !== undefined) return conclude(user, await join(flight, signal), false)
    const admission = attempts.admit(client, user)
    if (!admission.admitted) {
      return { failure: 'throttled', user, retryAfter: admission.retryAfter }
    }
    return conclude(user, await attempt(password, offer, admission.settle, signal), true)
  }

  const attempt = (
    password: string,
    offer: Offer,
    settle: (outcome: Outcome) => void,
    signal: AbortSignal,
  ): boolean | Promise<boolean> => {
    const known = cache.recall(offer)
    if (known !== undefined) {
      settle(known ? 'right' : 'wrong')
      if (known) cache.remember(offer, known)
      return known
    }
    const flight = launch(password, offer)
    // By the verdict, not by the client: a guess that runs counts even if its sender leaves. Or guesses could be made
    // for nothing, and looked up afterwards in what was remembered.
    flight.right.then(
      (right) => settle(right ? 'right' : 'wrong'),
      () => settle('void'),
    )
    return join(flight, signal)
  }

  const launch = (password: string, offer: Offer): Flight => {
    const key = flightKey(offer)
    const stop = new AbortController()
    const done = () => {
      if (cache.flights.get(key) === flight) cache.flights.delete(key)
    }
    const right = options.passwords.verify(password, offer.hash, stop.signal).then((verdict) => {
      cache.remember(offer, verdict)
      return verdict
    })
    const abandon = () => {
      done()
      stop.abort()
    }
    const flight: Flight = { right: right.finally(done), waiting: 0, abandon }
    cache.flights.set(key, flight)
    return flight
  }

  return {
    check: async (credential, client, signal) => {
      try {
        return await check(credential, client, signal)
      } catch (error) {
        // Nobody reads the answer to a client that left; like a full queue, it is no failure of theirs.
        if (error instanceof VerifierBusy || signal.aborted) {
          return { failure: 'busy', user: credential.user, retryAfter: busyRetryAfter }
        }
        throw error
      }
    },
    isProven: async (credential, client) => cache.isProven(await offerOf(credential, client)),
  }
}

const busyRetryAfter = 2000

const tooLong = (password: string): boolean =>
  password.length > maxPasswordBytes || byteLength(password) > maxPasswordBytes

const flightKey = ({ place, fingerprint, hash }: Offer): string => `${place} ${fingerprint} ${hash}`

/** Waits for a shared check, until the client leaves. The last to leave stops it. */
const join = async (flight: Flight, signal: AbortSignal): Promise<boolean> => {
  const left = Promise.withResolvers<never>()
  const leave = () => left.reject(signal.reason)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  flight.waiting += 1
  try {
    return await Promise.race([flight.right, left.promise])
  } finally {
    signal.removeEventListener('abort', leave)
    flight.waiting -= 1
    if (flight.waiting === 0) flight.abandon()
  }
}

interface Account {
  readonly hash: string
  readonly auth: { readonly caller: Caller }
}

const account = (name: string, user: UserConfig): Account => ({
  hash: user.password,
  auth: { caller: passwordCaller(name, user) },
})

/** Who a user of the configuration is, once proven. */
export const passwordCaller = (name: string, user: UserConfig): Caller => ({
  login: user.login.toLowerCase(),
  kind: 'password',
  credentialId: name,
  groups: user.groups,
})

/**
 * A hash that nothing matches, as costly as the dearest real one: a name that does not exist must not answer sooner
 * than one that does. (Users whose hashes cost less than the dearest do answer sooner; equal costs hide them.)
 */
const dummyHash = (users: ReadonlyMap<string, UserConfig>): string => {
  const costs = [...users.values()].map((user) => Number(user.password.slice(4, 6)))
  const cost = String(Math.max(4, ...costs)).padStart(2, '0')
  return `$2b$${cost}$Zq1mXv0eT7uKc5rWb9hYdOu2sNfJ8gLpQxA4iRzE6tVkHyC3wDnMa`
}
