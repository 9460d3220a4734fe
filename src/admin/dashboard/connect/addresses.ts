import type { Config } from '../../../config/config.ts'
import type { Client } from '../../../gateway/http/env.ts'
import type { Door } from '../../../platform/caller.ts'

/** One way to this gateway. */
export interface Address {
  /** `https://gateway.tail1234.ts.net` */
  readonly base: string
  readonly door: Door
  readonly name: string
}

const names: Readonly<Record<Door, string>> = {
  local: 'this machine',
  tailnet: 'your tailnet',
  public: 'the internet',
}

/** Every address that is known: where this page was loaded from first, each once. */
export const addressesOf = (
  { allowedHosts, listeners, mode }: Config,
  { host, secure, door }: Client,
): readonly Address[] => {
  const here = { base: `http${secure ? 's' : ''}://${host}`, door }
  const byName = allowedHosts.flatMap((name) =>
    doorsOf(mode, name, here.door).map((open) => at(name, open)),
  )
  const onLoopback = listeners.flatMap(({ bind, identity }) =>
    bind.kind === 'tcp' && identity === 'none' && /^(?:127\.|localhost|\[?::1)/.test(bind.host)
      ? [{ base: `http://${bind.host}:${bind.port}`, door: 'local' as const }]
      : [],
  )
  const all = [here, ...byName, ...onLoopback.filter(({ base }) => !base.endsWith(':0'))]
  return all
    .filter(
      ({ base, door }, i) => all.findIndex((it) => it.base === base && it.door === door) === i,
    )
    .map((address) => ({ ...address, name: `${address.base}, from ${names[address.door]}` }))
}

const at = (name: string, door: Door) => ({ base: `https://${name}`, door })

/** By which doors a name leads here: tailscaled's own by those that are open, any other by the public one. */
const doorsOf = (mode: Config['mode'], name: string, here: Door): readonly Door[] => {
  if (!name.endsWith('.ts.net')) return [here === 'tailnet' ? 'tailnet' : 'public']
  const open = {
    local: [],
    serve: ['tailnet'],
    funnel: ['public'],
    both: ['tailnet', 'public'],
  } as const
  return open[mode]
}
