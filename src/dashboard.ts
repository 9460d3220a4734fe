import type { Hono, MiddlewareHandler } from 'hono'
import { createAudit } from './admin/audit.ts'
import { captureReader } from './admin/captures.ts'
import type { Config } from './config/config.ts'
import { accessPage } from './dashboard/admin/access.ts'
import { auditPage } from './dashboard/admin/audit.ts'
import { configPage } from './dashboard/admin/config.ts'
import { doctorPage } from './dashboard/admin/doctor.ts'
import { doorsPage } from './dashboard/admin/doors.ts'
import { overviewPage } from './dashboard/admin/overview.ts'
import { peoplePage } from './dashboard/admin/people.ts'
import { providersPage } from './dashboard/admin/providers.ts'
import { quotasPage } from './dashboard/admin/quotas.ts'
import { connectPage } from './dashboard/pages/connect.ts'
import { type HomeSources, homePage } from './dashboard/pages/home.ts'
import { keysPage } from './dashboard/pages/keys.ts'
import { type ModelSources, modelsPage } from './dashboard/pages/models.ts'
import { requestPage } from './dashboard/pages/request.ts'
import { requestsPage } from './dashboard/pages/requests.ts'
import { saidPage } from './dashboard/pages/said.ts'
import { sessionsPage } from './dashboard/pages/sessions.ts'
import { mountDashboard } from './dashboard/routes.ts'
import { createDoctor } from './doctor.ts'
import type { Env } from './http/env.ts'
import { explainer } from './management.ts'
import type { Platform } from './platform.ts'
import { bucketsFor } from './quota/show.ts'
import type { State } from './state.ts'
import { anyDialect } from './upstream/any-dialect.ts'
import { pricedRows } from './upstream/models.ts'

export interface Dashboard {
  /** @param guards whoever gets past them is a person with a role */
  routes(app: Hono<Env>, guards: readonly MiddlewareHandler<Env>[]): void
}

/** Our own pages, joined to the stages that they show. */
export const createDashboard = (config: Config, platform: Platform, state: State): Dashboard => {
  const { registry, document } = state
  const { ask } = platform.store
  const models: ModelSources['models'] = ({ allows }) => pricedRows(registry, platform, allows)
  const providers = () => registry.providers()
  const known = () =>
    providers().flatMap(({ id, models: names }) => names.map((name) => `${id}/${name}`))
  const explain = explainer(config, state)
  const serving = (model: string) => anyDialect(providers(), model).candidates
  const ofCaller = bucketsFor(state.quotas, config.quotas)
  const mine: HomeSources['buckets'] = async (c) => {
    await state.quotas.ready()
    return ofCaller(c)
  }
  const everybodys = async () => {
    await state.quotas.ready()
    return state.quotas.show(state.quotas.refs())
  }
  const pages = [
    homePage({ config, models, ask, buckets: mine }),
    modelsPage({ models }),
    connectPage({ config, models }),
    keysPage({ ask }),
    overviewPage({ ask }),
    requestsPage({ ask }),
    requestPage({ ask, explain, serving, health: state.health.of }),
    saidPage({ ask, read: captureReader(platform.store, createAudit(platform)) }),
    sessionsPage({ ask }),
    peoplePage({ config, ask }),
    accessPage({ config, explain, known }),
    quotasPage({ config, buckets: everybodys }),
    doorsPage({
      config,
      ask,
      changeable: document !== undefined,
      exposed: async () => platform.machine?.exposed(),
    }),
    providersPage({ providers, health: state.health.of, load: state.load }),
    configPage({ document, ask }),
    auditPage({ ask }),
    doctorPage({ examine: createDoctor(config, platform, state) }),
  ]
  const { assets = {}, clock } = platform
  const options = {
    pages,
    assets,
    clock,
    ...config.ui,
    listen: state.live.listen,
    draining: () => state.draining,
  }
  return { routes: (app, guards) => mountDashboard(app, guards, options) }
}
