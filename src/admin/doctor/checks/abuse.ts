import ipaddr from 'ipaddr.js'
import type { Config } from '../../../config/config.ts'
import { addressSet, contains } from '../../../gateway/http/guards/client-address.ts'
import type { Ban } from '../../../platform/records/ban.ts'
import type { Guesses } from '../../../platform/records/questions.ts'
import { type Finding, finding, fine } from '../finding.ts'
import type { Check } from '../given.ts'
import { inTime } from '../in-time.ts'

const day = 86_400_000
/** Addresses that are named. */
const named = 5

/** Who is banned, and who guesses where nobody can be. */
export const checkAbuse: Check = async (given) => {
  const { ask, clock, config } = given
  if (ask === undefined) return []
  const now = clock.now()
  // That the ledger does not answer is said there.
  const [bans, guesses] = await Promise.all([
    inTime(ask('bans', { now })).catch(() => undefined),
    inTime(ask('guesses', { since: now - day })).catch(() => []),
  ])
  if (bans === undefined) return []
  const inForce = bans.filter(({ until }) => until === null || until > now)
  const found = [...shutOut(inForce), ...unbannable(guesses, config)]
  return found.length > 0 ? found : [fine('abuse', 'bans', 'nobody is banned')]
}

const shutOut = (bans: readonly Ban[]): Finding[] => {
  const near = bans.filter(({ address }) => isNear(address))
  const far = bans.filter((ban) => !near.includes(ban))
  const addresses = far.slice(0, named).map(untilWhen).join(', ')
  const rest = far.length > named ? ` and ${far.length - named} more` : ''
  return [
    ...near.map(({ address }) => finding('abuse.near_ban', address, { address })),
    ...(far.length > 0 ? [finding('abuse.bans', 'bans', { addresses: addresses + rest })] : []),
  ]
}

const untilWhen = ({ address, until }: Ban): string =>
  until === null ? address : `${address} until ${new Date(until).toISOString().slice(0, 16)}Z`

/** Ranges of a home, a company or a tailnet, by the names that ipaddr.js gives them. */
const nearRanges = ['private', 'carrierGradeNat', 'uniqueLocal', 'linkLocal', 'loopback']

const isNear = (address: string): boolean => {
  const [ip = ''] = address.split('/')
  return ipaddr.isValid(ip) && nearRanges.includes(ipaddr.process(ip).range())
}

const unbannable = (
  guesses: readonly Guesses[],
  { listeners, authFailures }: Config,
): Finding[] => {
  const proxies = addressSet([
    '127.0.0.0/8',
    '::1',
    ...listeners.flatMap((it) => it.trustedProxies),
  ])
  return guesses
    .filter(({ count }) => count >= authFailures.max)
    .filter(({ clientIp: ip }) => (ip === 'unix' ? true : contains(proxies, ip)))
    .map(({ clientIp: address, count }) => finding('abuse.unbannable', address, { address, count }))
}
