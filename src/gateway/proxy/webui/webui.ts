import type { Context, Handler, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { WebuiConfig } from '../../../config/config.ts'
import type { Caller } from '../../../platform/caller.ts'
import { Failure } from '../../../platform/failure.ts'
import type { Clock, Log } from '../../../platform/platform.ts'
import type { HeaderList } from '../../../platform/upstream.ts'
import { type Send, UpstreamError } from '../../../platform/upstream.ts'
import { check } from '../../http/check.ts'
import { disconnectOf } from '../../http/disconnect.ts'
import type { BodyWatch, Env } from '../../http/env.ts'
import { isOfWeb } from '../../http/guards/foreign-page.ts'
import { allowedHostsHint, originAllowed } from '../../http/guards/host-check.ts'
import {
  fromFallback,
  hasKey,
  isGatewayCredential,
  isWebuiToken,
  toFallback,
} from '../../http/headers.ts'
import { showPage, wantsPage } from '../../http/page.ts'
import { refuseHalfUpgrade, requireHandshake } from '../../http/websocket.ts'
import { type ExchangeLimits, exchange, type Stoppable } from '../exchange.ts'
import { withOwnLocation } from './own-location.ts'
import { webuiDownPage } from './pages.ts'
import type { TunnelLimits, Tunnels } from './tunnels.ts'

export interface WebuiOptions {
  readonly webui: WebuiConfig
  readonly allowedHosts: readonly string[]
  readonly send: Send
  readonly clock: Clock
  readonly log: Log
  readonly limits: ExchangeLimits & TunnelLimits
  /** Exchanges under way. */
  readonly activeExchanges: Set<Stoppable>
  readonly tunnels: Tunnels
  /** How Open WebUI is told who is calling. Absent: it is told nothing, and its own login stays in charge. */
  readonly identity?: ((caller: Caller) => HeaderList) | undefined
}

/** Keeps Open WebUI, and the way in to it, from doors that it is not for. */
export const requireShown = ({ public: shown }: WebuiConfig): MiddlewareHandler<Env> =>
  check(function requireShown(c) {
    if (c.get('client').door === 'public' && !shown) {
      throw new Failure('not_found', 'There is nothing here.')
    }
  })

/** For paths that Open WebUI has as well: requests with a token of its own go there. Its pages send one with each request. */
export const besideWebui = (toWebui: MiddlewareHandler): MiddlewareHandler<Env> =>
  function besideWebui(c, next) {
    return isWebuiToken(c.req.header('authorization') ?? '') ? toWebui(c, next) : next()
  } as MiddlewareHandler<Env>

/**
 * Passes everything that is not ours to Open WebUI, uploads and event streams included, touching nothing but hop,
 * identity and gateway-credential headers.
 */
export const webuiProxy = (options: WebuiOptions): Handler<Env> =>
  async function webuiProxy(c) {
    const { upgrade } = c.env
    try {
      return await (upgrade ? joinSocket(c, upgrade, options) : pass(c, options))
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      options.log('warn', 'webui.error', { rid: c.get('requestId'), reason: error.message })
      return webuiDown(c)
    }
  }

const pass = async (c: Context<Env>, options: WebuiOptions): Promise<Response> => {
  refuseHalfUpgrade(c)
  const { method, headers, body } = c.req.raw
  const bodyless = method === 'GET' || method === 'HEAD'
  const {
    status,
    headers: answered,
    body: stream,
  } = await exchange({
    send: options.send,
    clock: options.clock,
    limits: options.limits,
    disconnect: disconnectOf(c),
    truncate: c.env.truncate,
    activeExchanges: options.activeExchanges,
    request: {
      origin: new URL(options.webui.url).origin,
      path: pathAndQuery(c),
      method,
      headers: [...told(c, options), ...lengthOf(headers, bodyless)],
      body: bodyless ? null : body,
    },
    accept: () => passive,
    errorFrame: () => null,
  })
  const empty = method === 'HEAD' || status === 204 || status === 304
  return new Response(empty ? null : stream, {
    status: status as ContentfulStatusCode,
    headers: withOwnLocation(fromFallback(answered), options.webui.url),
  })
}

const passive: BodyWatch = { push: (chunk) => chunk, flush: () => null, done: () => {} }

/** A known length is kept, so that the upload arrives as it was sent, not as chunks. */
const lengthOf = (headers: Headers, bodyless: boolean): [string, string][] => {
  const length = headers.get('content-length')
  return length === null || bodyless ? [] : [['content-length', length]]
}

const pathAndQuery = (c: Context<Env>): string => {
  const target = c.env.framing.target
  return target ? target.path + target.search : '/'
}

/** What the client said, without what it claimed about itself, and then what we know. */
const told = (c: Context<Env>, { webui, identity }: WebuiOptions): HeaderList => {
  // Absent where nobody was asked who they are.
  const caller = c.get('auth')?.caller
  return [
    ...toFallback(c.req.raw.headers, new Set(Object.values(webui.headers))),
    ...forwarded(c),
    ...(caller && identity ? identity(caller) : []),
  ]
}

/** Who asked, by our own knowledge. */
const forwarded = (c: Context<Env>): [string, string][] => {
  const { ip, host, secure } = c.get('client')
  const headers: [string, string][] = [
    ['host', host],
    ['x-forwarded-host', host],
    ['x-forwarded-proto', secure ? 'https' : 'http'],
  ]
  return ip === 'unix' ? headers : [...headers, ['x-forwarded-for', ip]]
}

/** People get a page that reloads itself, programs a JSON error. */
const webuiDown = async (c: Context<Env>): Promise<Response> => {
  if (!wantsPage(c)) {
    throw new Failure('upstream_error', 'Open WebUI does not answer.', { reason: 'webui_down' })
  }
  return showPage(c, webuiDownPage, 502)
}

/**
 * Joins a WebSocket. Browsers open one from any page and send their cookies along, so only our own origins may
 * (RFC 6455 §10.2). What names no page is a program: with no cookie and no proof of ours it has nothing that a page
 * could have borrowed, and it passes as a stranger to whom Open WebUI's own token has to speak.
 */
const joinSocket = async (
  c: Context<Env>,
  upgrade: NonNullable<Env['Bindings']['upgrade']>,
  options: WebuiOptions,
): Promise<Response> => {
  const { webui, allowedHosts, tunnels, limits } = options
  const named = isNamedPage(c)
  if (named ? !isOwnPage(c, allowedHosts) : bearsProof(c)) throw notFromHere(c, named)
  requireHandshake(c)
  const closed = tunnels.enter(c.get('client'), c.get('auth')?.caller, limits)
  return upgrade({
    origin: new URL(webui.url).origin,
    path: pathAndQuery(c),
    headers: [
      ...told(c, named ? options : { ...options, identity: undefined }),
      ['connection', 'Upgrade'],
      ['upgrade', 'websocket'],
    ],
    closed,
  })
}

/** Browsers name the page of every WebSocket; apps name themselves (`app://…`), or nothing. */
const isNamedPage = (c: Context<Env>): boolean => {
  const origin = c.req.header('origin')
  return origin !== undefined && isOfWeb(origin)
}

/** Some browsers say it themselves, which holds behind a proxy that changes Host, too. */
const isOwnPage = (c: Context<Env>, allowedHosts: readonly string[]): boolean =>
  c.req.header('sec-fetch-site') === 'same-origin' ||
  originAllowed(c.req.header('origin'), c.get('client').host, allowedHosts)

const bearsProof = (c: Context<Env>): boolean => {
  const { headers } = c.req.raw
  return (
    headers.has('cookie') ||
    isGatewayCredential(headers.get('authorization') ?? '') ||
    hasKey(headers)
  )
}

const notFromHere = (c: Context<Env>, named: boolean): Failure => {
  const hint = named
    ? allowedHostsHint(c.req.header('origin'))
    : ' A program that sends cookies or a credential of this gateway must send Origin as well.'
  const message = `WebSockets are accepted from pages of this address only.${hint}`
  return new Failure('origin_not_allowed', message)
}
