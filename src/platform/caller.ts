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
  /** That node's stable id. */
  readonly nodeId?: string
  /** Name to show; free text from the tailnet or an identity provider. */
  readonly displayName?: string
  /** `tag:x` of a tagged node; its login is these, sorted and joined by commas. */
  readonly tags?: readonly string[]
  /** A user of another tailnet whose node was shared into this one: no grant to `*` means them. */
  readonly shared?: boolean
  /** The same user owns the node that this gateway runs on. */
  readonly ownsGateway?: boolean
  /** Grants that the tailnet's policy, or an API key, brings along. */
  readonly capabilities?: Capabilities
  /** What narrows the grants of this login: a limited key may do what both allow, never more. */
  readonly limits?: KeyLimits
  /** Open WebUI's own caller, when it speaks for this person: they may do what both may. */
  readonly through?: Caller
}

/** Each absent part limits nothing. */
export interface KeyLimits {
  /** `provider/model` globs. */
  readonly models?: readonly string[]
  readonly via?: readonly Door[]
  /** At most this. */
  readonly role?: 'user' | 'admin'
  /** A budget of its own, beside those of the grants; as `quotas` writes one. */
  readonly quota?: { readonly capacity: string; readonly rate?: string }
}

/** Capability values as they came, unread: `policy` decides what they mean. The same object for the same answer, so that what was made of it can be kept. */
export interface Capabilities {
  readonly entries: readonly unknown[]
  /** Capabilities of other programs, by name: passed on to hooks, and never read here. */
  readonly others?: ReadonlyMap<string, readonly unknown[]>
}
