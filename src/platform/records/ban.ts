/** An address that is banned. Times are wall-clock milliseconds since the epoch, so that a ban survives a restart. */
export interface Ban {
  /** Canonical IPv4 address, IPv6 /64 (`2001:db8::/64`), or a CIDR an admin gave. */
  readonly address: string
  /** `auth_failures`: set by us after wrong guesses, answered 429. `admin`: set by a person, answered 403. */
  readonly cause: 'auth_failures' | 'admin'
  /** How many bans in a row this address has had; each one lasts twice as long as the one before. */
  readonly level: number
  readonly startedAt: number
  /** null: until an admin lifts it. */
  readonly until: number | null
  /** Who set it and why, for `postern ban list`. */
  readonly note: string
}
