import type { Context, Handler, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { WebuiConfig } from '../config/config.ts'
import { check } from '../http/check.ts'
import type { BodyWatch, Env } from '../http/env.ts'
import { Failure } from '../http/errors.ts'
import { fromFallback, type HeaderList, isWebuiToken, toFallback } from '../http/headers.ts'
import { originAllowed } from '../http/host-check.ts'
import { leavingOf } from '../http/leaving.ts'
import { showPage, wantsPage } from '../http/page.ts'
import type { Caller } from '../identity/caller.ts'
import type { Clock, Log } from '../platform.ts'
import { type Send, UpstreamError } from '../upstream/upstream.ts'
import { type ExchangeLimits, exchange, type Stoppable } from './exchange.ts'
import { webuiDownPage } from './pages.ts'

export interface WebuiOptions {
  readonly webui: WebuiConfig
  readonly allowedHosts: readonly string[]
  readonly send: Send
  readonly clock: Clock
  readonly log: Log
  readonly limits: ExchangeLimits
  /** Exchanges under way. */
  readonly open: Set<Stoppable>
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
    leaving: leavingOf(c),
    truncate: c.env.truncate,
    open: options.open,
    request: {
      origin: new URL(options.webui.url).origin,
      path: pathAndQuery(c),
      method,
      headers: [...told(c, options), ...lengthOf(headers, bodyless)],
      body: bodyless ? null : body,
    },
    accept: () => passive,
    lastWords: () => null,
  })
  const empty = method === 'HEAD' || status === 204 || status === 304
  return new Response(empty ? null : stream, {
    status: status as ContentfulStatusCode,
    headers: fromFallback(answered),
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
 * (RFC 6455 §10.2, hazards 136).
 */
const joinSocket = (
  c: Context<Env>,
  upgrade: NonNullable<Env['Bindings']['upgrade']>,
  options: WebuiOptions,
): Promise<Response> => {
  const { webui, allowedHosts } = options
  if (!originAllowed(c.req.header('origin'), c.get('client').host, allowedHosts)) {
    const message = 'WebSockets are accepted from pages of this address only.'
    throw new Failure('origin_not_allowed', message)
  }
  return upgrade({
    origin: new URL(webui.url).origin,
    path: pathAndQuery(c),
    headers: [...told(c, options), ['connection', 'Upgrade'], ['upgrade', 'websocket']],
  })
}
