import { z } from 'zod'

/**
 * What tailscaled serves (tailscale 1.102 `ipn.ServeConfig`). Loose: what is not known here goes back as it came, since
 * the whole is replaced at each change.
 */
const handler = z.looseObject({
  Proxy: z.string().optional(),
  Path: z.string().optional(),
  Text: z.string().optional(),
  Redirect: z.string().optional(),
  AcceptAppCaps: z.array(z.string()).nullish(),
})

const port = z.looseObject({
  HTTPS: z.boolean().optional(),
  HTTP: z.boolean().optional(),
  TCPForward: z.string().optional(),
  TerminateTLS: z.string().optional(),
})

const served = {
  /** By port. */
  TCP: z.record(z.string(), port).nullish(),
  /** By `name:port`, then by mount. */
  Web: z
    .record(z.string(), z.looseObject({ Handlers: z.record(z.string(), handler).nullish() }))
    .nullish(),
}

const node = { ...served, AllowFunnel: z.record(z.string(), z.boolean()).nullish() }

const serveConfig = z.looseObject({
  ...node,
  Services: z.record(z.string(), z.looseObject(served)).nullish(),
  /** What runs as long as somebody's `tailscale serve` without `--bg`. */
  Foreground: z.record(z.string(), z.looseObject(node)).nullish(),
})

export type ServeConfig = z.output<typeof serveConfig>
export type Handler = z.output<typeof handler>

/** @throws when the text is no such configuration; `null` is an empty one. */
export const parseServeConfig = (text: string): ServeConfig =>
  serveConfig.parse(JSON.parse(text) ?? {})

/** One way from the tailnet, or from the internet, to a program. */
export interface Door {
  readonly port: number
  /** `tcp` and `tls`: bytes are passed on, and no header is taken away or set. */
  readonly scheme: 'https' | 'http' | 'tls' | 'tcp'
  /** Name it is served under; empty: every name of the node. */
  readonly host: string
  /** Path below which it is served; empty for `tls` and `tcp`. */
  readonly mount: string
  /** As tailscaled has it: `unix:/run/x.sock`, `http://127.0.0.1:3000`, `/srv/files`, `text`, `301:https://…`. */
  readonly leadsTo: string
  readonly funnel: boolean
  /** `node`: in the background; `foreground`: somebody's running command; else the name of a Service. */
  readonly of: string
}

/** Every door that is open, in the order of their ports. */
export const doorsOf = (config: ServeConfig): Door[] =>
  [
    ...doorsIn(config, 'node', config.AllowFunnel),
    ...Object.values(config.Foreground ?? {}).flatMap((own) =>
      doorsIn(own, 'foreground', own.AllowFunnel),
    ),
    ...Object.entries(config.Services ?? {}).flatMap(([name, own]) => doorsIn(own, name)),
  ].sort((a, b) => a.port - b.port)

type Served = Pick<ServeConfig, 'TCP' | 'Web'>

const doorsIn = ({ TCP, Web }: Served, of: string, allowed: ServeConfig['AllowFunnel'] = {}) => {
  const forwards = Object.entries(TCP ?? {}).flatMap(([number, { TCPForward, TerminateTLS }]) => {
    if (!TCPForward) return []
    const host = TerminateTLS ?? ''
    const scheme = TerminateTLS ? ('tls' as const) : ('tcp' as const)
    // The flag is by name, which a forward in the clear does not have.
    const funnel = Object.entries(allowed ?? {}).some(([at, on]) => on && portOf(at) === +number)
    return [{ port: +number, scheme, host, mount: '', leadsTo: TCPForward, funnel, of }]
  })
  const webs = Object.entries(Web ?? {}).flatMap(([hostPort, { Handlers }]) => {
    const own = portOf(hostPort)
    const scheme = TCP?.[own]?.HTTP ? ('http' as const) : ('https' as const)
    const host = hostPort.slice(0, hostPort.lastIndexOf(':'))
    const funnel = allowed?.[hostPort] ?? false
    return Object.entries(Handlers ?? {}).map(([mount, to]) => {
      const leadsTo = to.Proxy || to.Path || to.Redirect || 'text'
      return { port: own, scheme, host, mount, leadsTo, funnel, of }
    })
  })
  return [...forwards, ...webs]
}

/** The port in `name:port`. */
export const portOf = (hostPort: string): number =>
  Number(hostPort.slice(hostPort.lastIndexOf(':') + 1))

/** The address to open, where there is one. */
export const addressOf = ({ scheme, host, port, mount }: Door): string => {
  const usual = scheme === 'http' ? 80 : 443
  const suffix = port === usual && scheme !== 'tcp' ? '' : `:${port}`
  const protocol = { http: 'http', https: 'https', tls: 'tls', tcp: 'tcp' }[scheme]
  return `${protocol}://${host || '*'}${suffix}${mount}`
}
