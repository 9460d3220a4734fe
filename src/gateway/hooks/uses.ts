import type { GrantEntry, HookConfig, HookEvent, HookField } from '../../config/config.ts'

/** What one hook is told of one request. */
export interface HookUse {
  readonly hook: HookConfig
  readonly events: ReadonlySet<HookEvent>
  readonly send: ReadonlySet<HookField>
}

export type Hooks = ReadonlyMap<string, HookConfig>

/**
 * Each hook that the entries name, once, with the union of what they say of it; the higher preference first, then by
 * name. Disabled and unknown ones (the tailnet's policy may name any) are left out.
 */
export function usesOf(entries: readonly GrantEntry[], hooks: Hooks): readonly HookUse[] {
  const uses = new Map<string, { events: Set<HookEvent>; send: Set<HookField> }>()
  for (const { name, events, send } of entries.flatMap(({ sendHooks }) => sendHooks ?? [])) {
    const use = uses.get(name) ?? { events: new Set(), send: new Set() }
    uses.set(name, use)
    for (const event of events) use.events.add(event)
    for (const field of send) use.send.add(field)
  }
  return [...uses]
    .flatMap(([name, use]) => {
      const hook = hooks.get(name)
      return hook && !hook.disabled ? [{ hook, ...use }] : []
    })
    .toSorted(
      (a, b) => b.hook.preference - a.hook.preference || (a.hook.name < b.hook.name ? -1 : 1),
    )
}
