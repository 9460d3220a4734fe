/** How the caller proved who they are; the `kind` column of the ledger. */
export type CallerKind = 'user' | 'node' | 'key' | 'password' | 'token'

/** Through which door the request came: this machine, the tailnet, or anywhere else. */
export type Door = 'local' | 'tailnet' | 'public'

/** A proven identity. Whoever holds one of these has passed authentication; nothing here came unchecked from a header. */
export interface Caller {
  /** Full login, lower-cased; the principal that grants, quotas and the ledger name. */
  readonly login: string
  readonly kind: CallerKind
  /** Which credential proved it (user name, key id): never the secret itself. */
  readonly credentialId: string
  /** `group:` names this caller belongs to, from the configuration. */
  readonly groups: readonly string[]
  /** Tailnet node the request came from, when one is known. */
  readonly node?: string
}
