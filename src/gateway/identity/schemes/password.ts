import type { UserConfig } from '../../../config/config.ts'
import type { Caller } from '../../../platform/caller.ts'
import { type PasswordVerifier, type Platform, VerifierBusy } from '../../../platform/platform.ts'
import type { Auth, Client } from '../../http/env.ts'
import type { CredentialCache, Flight, Offer } from '../credential-cache.ts'
import { byteLength, type PasswordCredential } from '../credentials.ts'
import type { Mark } from '../guess.ts'

/** Says whether another guess may be checked. Asked before each hash. */
export interface AttemptGate {
  /** Was this credential found wrong from here of late? */
  knows(client: Client, print: string): boolean
  /** ms that the client is banned for; undefined: it is not. */
  banned(client: Client): number | undefined
  /** @param counts false: the check is not to count, and there are fewer of its kind */
  admit(client: Client, print: string, counts: boolean): Admission
}

export type Admission =
  /** `settle` must be called once. `wrong` counts as a failure at once, so that no guess slips between. */
  | { readonly admitted: true; readonly settle: (outcome: Outcome) => boolean }
  /** ms until it is worth asking again. */
  | { readonly admitted: false; readonly retryAfter: number }

/** `void`: the check did not take place. */
export type Outcome = 'right' | 'wrong' | 'void'

/**
 * What may be done about a password. `counted`: a hash, and a wrong one is a guess. `spare`: one of the few hashes that do
 * not count. `recall`: no hash, unless this very password was found right in this place before.
 */
export type Effort = 'counted' | 'spare' | 'recall'

export interface PasswordScheme {
  /** Never throws for a refusal. `signal`: the client left. `effort`: asked where it matters; default `counted`. */
  check(
    offered: PasswordCredential,
    client: Client,
    signal: AbortSignal,
    effort?: () => Effort,
  ): Promise<Auth>
}

export interface PasswordSchemeOptions {
  readonly passwords: PasswordVerifier
  readonly fingerprint: Platform['fingerprint']
  readonly cache: CredentialCache
  readonly users: ReadonlyMap<string, UserConfig>
  readonly attempts: AttemptGate
  readonly mark: Mark
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

  const check = async (
    credential: PasswordCredential,
    client: Client,
    signal: AbortSignal,
    effortFor: () => Effort,
  ): Promise<Auth> => {
    const { user, password } = credential
    if (tooLong(password)) return { failure: 'too_long', user }
    const offer = await offerOf(credential, client)
    const account = accounts.get(user)
    const proof = cache.proof(offer)
    if (account !== undefined && proof === 'fresh') return account.auth
    const effort = effortFor()
    const banned = attempts.banned(client)
    const conclude = (right: boolean, fresh?: boolean): Auth => {
      if (account !== undefined && right) return account.auth
      if (banned !== undefined) return { failure: 'throttled', user, retryAfter: banned }
      if (effort !== 'counted') return { failure: 'foreign_page', user }
      const failure = account === undefined ? 'unknown_user' : 'wrong_password'
      return { failure, user, guess: guessOf(credential, offer, fresh) }
    }
    if (attempts.knows(client, printOf(offer))) return conclude(false)
    if (effort === 'recall' && proof === undefined) return { failure: 'foreign_page', user }
    // Whoever offers what is being checked already learns nothing by waiting along: no attempt is used up.
    const flight = cache.flights.get(flightKey(offer))
    if (flight !== undefined) return conclude(await join(flight, signal))
    // Nor by a check of what was right here before.
    const free = proof !== undefined && (banned !== undefined || effort !== 'counted')
    const admission = free ? freely : attempts.admit(client, printOf(offer), effort === 'counted')
    if (!admission.admitted) {
      return { failure: 'throttled', user, retryAfter: admission.retryAfter }
    }
    const { right, fresh } = await attempt(password, offer, admission.settle, signal)
    return conclude(right, fresh)
  }

  const guessOf = ({ user, password }: PasswordCredential, offer: Offer, fresh?: boolean) => ({
    print: printOf(offer),
    mark: () => options.mark(`password\0${user}\0${password}`),
    ...(fresh !== undefined && { fresh }),
  })

  const attempt = async (
    password: string,
    offer: Offer,
    settle: (outcome: Outcome) => boolean,
    signal: AbortSignal,
  ): Promise<{ readonly right: boolean; readonly fresh: boolean }> => {
    const known = cache.recall(offer)
    if (known !== undefined) {
      const fresh = settle(known ? 'right' : 'wrong')
      if (known) cache.remember(offer, known)
      return { right: known, fresh }
    }
    const flight = launch(options, password, offer)
    // By the verdict, not by the client: a guess that runs counts even if its sender leaves. Or guesses could be made
    // for nothing, and looked up afterwards in what was remembered.
    let fresh = false
    flight.right.then(
      (right) => {
        fresh = settle(right ? 'right' : 'wrong')
      },
      () => settle('void'),
    )
    return { right: await join(flight, signal), fresh }
  }

  return {
    check: async (credential, client, signal, effort = counted) => {
      try {
        return await check(credential, client, signal, effort)
      } catch (error) {
        // Nobody reads the answer to a client that left; like a full queue, it is not a failure of theirs.
        if (error instanceof VerifierBusy || signal.aborted) {
          return { failure: 'busy', user: credential.user, retryAfter: busyRetryAfter }
        }
        throw error
      }
    },
  }
}

const counted = (): Effort => 'counted'

const busyRetryAfter = 2000

const freely: Admission = { admitted: true, settle: () => false }

const tooLong = (password: string): boolean =>
  password.length > maxPasswordBytes || byteLength(password) > maxPasswordBytes

/** The hash belongs to it: what is wrong today may be right once the password was changed. */
const printOf = ({ fingerprint, hash }: Offer): string => `${fingerprint} ${hash}`

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

/** Begins a check, for all who offer the same meanwhile. */
const launch = (
  { cache, passwords }: Pick<PasswordSchemeOptions, 'cache' | 'passwords'>,
  password: string,
  offer: Offer,
): Flight => {
  const key = flightKey(offer)
  const stop = new AbortController()
  const done = () => {
    if (cache.flights.get(key) === flight) cache.flights.delete(key)
  }
  const right = passwords.verify(password, offer.hash, stop.signal).then((verdict) => {
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
