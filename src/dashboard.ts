import type { Hono, MiddlewareHandler } from 'hono'
import type { Config } from './config/config.ts'
import { modelsPage } from './dashboard/pages/models.ts'
import { mountDashboard } from './dashboard/routes.ts'
import type { Env } from './http/env.ts'
import type { Platform } from './platform.ts'
import type { State } from './state.ts'
import { modelRows } from './upstream/list/openai.ts'

export interface Dashboard {
  /** @param guards whoever gets past them is a person with a role */
  routes(app: Hono<Env>, guards: readonly MiddlewareHandler<Env>[]): void
}

/** Our own pages, joined to the stages that they show. */
export const createDashboard = (
  _config: Config,
  platform: Platform,
  { registry }: State,
): Dashboard => {
  const pages = [
    modelsPage({ models: ({ allows }) => modelRows(registry.providers(), allows).data }),
  ]
  const { assets = {}, clock } = platform
  return {
    routes: (app, guards) =>
      mountDashboard(app, guards, { pages, assets, clock, name: 'Postern', logo: undefined }),
  }
}
