import type { Text } from './text.ts'

export const abuse = {
  'abuse.bans': {
    severity: 'warning',
    says: 'banned now: {addresses}',
    remedy:
      'No fault, unless one of them is yours: `postern ban list` says why, `postern ban remove ADDRESS` lets it in',
    means:
      'Too many wrong passwords, or an admin, shut these addresses out. A public name draws guessers within minutes.',
  },
  'abuse.near_ban': {
    severity: 'warning',
    says: '{address} is banned, which is an address of your own network',
    remedy:
      'A device there has an old password: mend it, then `postern ban remove {address}`. If it is a proxy, add it to "trusted_proxies" of its listener',
    means:
      'An address that is not of the internet is a device at home or in the tailnet, or a proxy behind which many stand.',
  },
  'abuse.unbannable': {
    severity: 'warning',
    says: '{count} wrong guesses came from {address} within a day, where nobody is banned: everybody behind a proxy would be',
    remedy:
      'If a proxy stands in front, add its address to "trusted_proxies" of the listener and let it send X-Forwarded-For; if not, some program of this machine has an old password',
    means:
      'Loopback, sockets and trusted proxies are never banned. When guesses show such an address, the real one is not known, so guessing costs nothing.',
  },
} as const satisfies Record<string, Text>
