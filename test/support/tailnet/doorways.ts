/** One place where a node's tailscaled listens, and what it passes requests on to. */
export interface Doorway {
  readonly port: number
  /** `https` takes the rig's own certificate; `tcp` passes bytes on, and says nothing of who sends them. Default `http`. */
  readonly kind?: 'http' | 'https' | 'tcp'
  /** Open to the internet as well; with `https` only. */
  readonly funnel?: boolean
  /** A program on 127.0.0.1 or on a unix socket. */
  readonly target: { readonly port: number } | { readonly socket: string }
  /** Path that is taken away before the program sees the rest; several doorways may share a port. Default `/`. */
  readonly at?: string
  readonly acceptAppCaps?: readonly string[]
}

/** The ServeConfig that opens exactly these, for `rig.serve`. */
export const served = (name: string, doorways: readonly Doorway[]) => {
  const web: Record<string, { Handlers: Record<string, unknown> }> = {}
  for (const doorway of doorways.filter(({ kind }) => kind !== 'tcp')) {
    const key = `${name}:${doorway.port}`
    web[key] ??= { Handlers: {} }
    web[key].Handlers[doorway.at ?? '/'] = handlerOf(doorway)
  }
  const open = doorways.filter(({ funnel }) => funnel).map(({ port }) => [`${name}:${port}`, true])
  return {
    TCP: Object.fromEntries(doorways.map((doorway) => [doorway.port, listenerOf(doorway)])),
    Web: web,
    AllowFunnel: Object.fromEntries(open) as Record<string, boolean>,
  }
}

const listenerOf = ({ kind = 'http', target }: Doorway) => {
  if (kind !== 'tcp') return kind === 'http' ? { HTTP: true } : { HTTPS: true }
  return { TCPForward: 'port' in target ? `127.0.0.1:${target.port}` : `unix:${target.socket}` }
}

const handlerOf = ({ target, acceptAppCaps }: Doorway) => ({
  Proxy: 'port' in target ? `http://127.0.0.1:${target.port}` : `unix:${target.socket}`,
  ...(acceptAppCaps && { AcceptAppCaps: acceptAppCaps }),
})
