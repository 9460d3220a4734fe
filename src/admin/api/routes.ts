import type { Handler } from 'hono'
import { z } from 'zod'
import type { Env } from '../../gateway/http/env.ts'
import type { Platform } from '../../platform/platform.ts'
import { createAudit } from './audit.ts'
import { type BanRoutesOptions, banRoutes } from './bans.ts'
import { type BrowserRoutesOptions, browserRoutes } from './browsers.ts'
import {
  type ConfigRoutesOptions,
  configRoutes,
  modeRoutes,
  olderConfigRoutes,
} from './config/config.ts'
import type { ConfigDocument } from './config/document.ts'
import { versionRoutes } from './config/versions.ts'
import { connectorRoutes } from './connectors.ts'
import { guarded } from './guard.ts'
import { type KeyRoutesOptions, keyRoutes } from './keys.ts'
import { meRoutes } from './me.ts'
import { openApi } from './openapi.ts'
import { type AdminRoute, route } from './route.ts'
import { captureRoutes } from './usage/captures.ts'
import { auditRoutes } from './usage/records.ts'
import { requestRoutes } from './usage/requests.ts'
import { type UsageRoutesOptions, usageRoutes } from './usage/usage.ts'
import { usageExportRoutes } from './usage/usage-export.ts'

export interface AdminOptions
  extends Pick<KeyRoutesOptions, 'newKey'>,
    Pick<ConfigRoutesOptions, 'staysAdmin'>,
    Pick<BanRoutesOptions, 'address' | 'bannable'>,
    Pick<BrowserRoutesOptions, 'ended'>,
    Pick<UsageRoutesOptions, 'compareWith'> {
  readonly platform: Platform
  /** Absent where the configuration cannot be changed from here. */
  readonly document: ConfigDocument | undefined
  /** No Open WebUI stands behind us, which has a path `/api/config` of its own. */
  readonly ownsApiConfig: boolean
  /** Operations whose answers other stages give. */
  readonly more: readonly AdminRoute[]
}

/** A route as the router takes it. */
export interface Mounted {
  readonly method: string
  readonly path: string
  readonly handle: Handler<Env>
}

/** Our own API, its description included. Who may call what is decided here; that there is a caller, before. */
export const adminApi = (options: AdminOptions): Mounted[] => {
  const { platform, document } = options
  const audit = createAudit(platform)
  const routes: AdminRoute[] = [
    ...meRoutes(),
    ...(document ? configRoutes({ ...options, document, audit }) : []),
    ...(document && options.ownsApiConfig
      ? olderConfigRoutes({ ...options, document, audit })
      : []),
    ...(document ? modeRoutes({ ...options, document, audit }) : []),
    ...versionRoutes(platform),
    ...keyRoutes({ ...options, audit }),
    ...browserRoutes({ ...options, audit }),
    ...banRoutes({ ...options, audit }),
    ...auditRoutes(platform),
    ...usageRoutes({ ...platform, compareWith: options.compareWith }),
    ...requestRoutes(platform),
    ...captureRoutes({ platform, audit }),
    ...usageExportRoutes(platform),
    ...connectorRoutes(),
    ...options.more,
  ]
  return [...routes, ...described(routes)].map((each) => ({
    method: each.method.toUpperCase(),
    // A range has a slash in it, and so has many a model.
    path: each.path.replace(/\{(address|model)\}/, ':$1{.+}').replaceAll(/\{(\w+)\}/g, ':$1'),
    handle: guarded(each, audit),
  }))
}

const described = (routes: readonly AdminRoute[]): AdminRoute[] => {
  const asAperture = routes.filter(({ path }) => path.startsWith('/aperture'))
  const own = routes.filter(({ path }) => !path.startsWith('/aperture'))
  return [
    description('/postern/api/openapi.json', 'getOpenApi', openApi(ours, own)),
    description('/aperture/openapi.json', 'getOpenApiAsAperture', openApi(apertures, asAperture)),
  ]
}

const ours = { title: 'Postern API', version: '1' }
/** By these, and by paths without the base, programs made for Aperture recognise its API. */
const apertures = { title: 'Aperture API', version: '0', base: '/aperture' }

const description = (path: string, id: string, made: object): AdminRoute =>
  route({
    method: 'get',
    path,
    id,
    summary: 'This description.',
    needs: 'role',
    answers: z.unknown(),
    handle: ({ c }) => c.json(made),
  })
