import type { Hono, MiddlewareHandler } from 'hono'
import { createAudit } from '../admin/api/audit.ts'
import { captureReader } from '../admin/api/usage/captures.ts'
import { accessPage } from '../admin/dashboard/admin/access.ts'
import { auditPage } from '../admin/dashboard/admin/audit.ts'
import { configPage } from '../admin/dashboard/admin/config.ts'
import { doctorPage } from '../admin/dashboard/admin/doctor.ts'
import { doorsPage } from '../admin/dashboard/admin/doors.ts'
import { overviewPage } from '../admin/dashboard/admin/overview.ts'
import { peoplePage } from '../admin/dashboard/admin/people.ts'
import { providersPage } from '../admin/dashboard/admin/providers.ts'
import { quotasPage } from '../admin/dashboard/admin/quotas.ts'
import { connectPage } from '../admin/dashboard/pages/connect.ts'
import { type HomeSources, homePage } from '../admin/dashboard/pages/home.ts'
import { keysPage } from '../admin/dashboard/pages/keys.ts'
import { type ModelSources, modelsPage } from '../admin/dashboard/pages/models.ts'
import { requestPage } from '../admin/dashboard/pages/request.ts'
import { requestsPage } from '../admin/dashboard/pages/requests.ts'
import { sessionsPage } from '../admin/dashboard/pages/sessions.ts'
import { transcriptPage } from '../admin/dashboard/pages/transcript.ts'
import { mountDashboard } from '../admin/dashboard/routes.ts'
import type { Config } from '../config/config.ts'
import type { Env } from '../gateway/http/env.ts'
import { bucketsFor } from '../gateway/quota/show.ts'
import { pricedRows } from '../gateway/upstream/models.ts'
import { anyDialect } from '../gateway/upstream/routing/any-dialect.ts'
import type { Platform } from '../platform/platform.ts'
import { explainer } from './admin.ts'
import { createDoctor } from './doctor.ts'
import type { State } from './state.ts'

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
  const callerBuckets: HomeSources['buckets'] = async (c) => {
    await state.quotas.ready()
    return ofCaller(c)
  }
  const allBuckets = async () => {
    await state.quotas.ready()
    return state.quotas.show(state.quotas.refs())
  }
  const pages = [
    homePage({ config, models, ask, buckets: callerBuckets }),
    modelsPage({ models }),
    connectPage({ config, models }),
    keysPage({ ask }),
    overviewPage({ ask }),
    requestsPage({ ask }),
    requestPage({ ask, explain, serving, health: state.health.of }),
    transcriptPage({ ask, read: captureReader(platform.store, createAudit(platform)) }),
    sessionsPage({ ask }),
    peoplePage({ config, ask }),
    accessPage({ config, explain, known }),
    quotasPage({ config, buckets: allBuckets }),
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
