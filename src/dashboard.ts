import type { Hono, MiddlewareHandler } from 'hono'
import type { Config } from './config/config.ts'
import { accessPage } from './dashboard/admin/access.ts'
import { auditPage } from './dashboard/admin/audit.ts'
import { configPage } from './dashboard/admin/config.ts'
import { doorsPage } from './dashboard/admin/doors.ts'
import { peoplePage } from './dashboard/admin/people.ts'
import { providersPage } from './dashboard/admin/providers.ts'
import { connectPage } from './dashboard/pages/connect.ts'
import { homePage } from './dashboard/pages/home.ts'
import { keysPage } from './dashboard/pages/keys.ts'
import { type ModelSources, modelsPage } from './dashboard/pages/models.ts'
import { mountDashboard } from './dashboard/routes.ts'
import type { Env } from './http/env.ts'
import { explainer } from './management.ts'
import type { Platform } from './platform.ts'
import type { State } from './state.ts'
import { modelRows } from './upstream/list/openai.ts'

export interface Dashboard {
  /** @param guards whoever gets past them is a person with a role */
  routes(app: Hono<Env>, guards: readonly MiddlewareHandler<Env>[]): void
}

/** Our own pages, joined to the stages that they show. */
export const createDashboard = (config: Config, platform: Platform, state: State): Dashboard => {
  const { registry, document } = state
  const { ask } = platform.store
  const models: ModelSources['models'] = ({ allows }) =>
    modelRows(registry.providers(), allows).data
  const providers = () => registry.providers()
  const known = () =>
    providers().flatMap(({ id, models: names }) => names.map((name) => `${id}/${name}`))
  const pages = [
    homePage({ config, models }),
    modelsPage({ models }),
    connectPage({ config, models }),
    keysPage({ ask }),
    peoplePage({ config, ask }),
    accessPage({ config, explain: explainer(config, state), known }),
    doorsPage({ config, ask, changeable: document !== undefined }),
    providersPage({ providers, health: state.health.of, load: state.load }),
    configPage({ document, ask }),
    auditPage({ ask }),
  ]
  const { assets = {}, clock } = platform
  return {
    routes: (app, guards) =>
      mountDashboard(app, guards, { pages, assets, clock, name: 'Postern', logo: undefined }),
  }
}
