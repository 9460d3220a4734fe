import type { Context, Handler, Hono, MiddlewareHandler } from 'hono'
import { chain } from '../../gateway/http/check.ts'
import type { Env, Permissions } from '../../gateway/http/env.ts'
import type { Caller } from '../../platform/caller.ts'
import { Failure } from '../../platform/failure.ts'
import type { Clock } from '../../platform/platform.ts'
import { type Assets, createAssets } from './assets.ts'
import { document } from './layout.ts'
import { type LiveOptions, showLive } from './live.ts'
import type { DashboardPage, View } from './page.ts'

export interface DashboardOptions extends LiveOptions {
  readonly pages: readonly DashboardPage[]
  readonly assets: Assets
  readonly clock: Clock
  readonly name: string
  /** A data: URL or a path of this address. */
  readonly logo: string | undefined
}

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

const headers = {
  'content-security-policy': policy,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
}

/** Our own pages. @param guards whoever gets past them is a person with a role */
export const mountDashboard = (
  app: Hono<Env>,
  guards: readonly MiddlewareHandler<Env>[],
  options: DashboardOptions,
): void => {
  const assets = createAssets(options.assets)
  app.get('/ui/assets/:version/:name', (c) => assets.serve(c))
  app.on('GET', ['/ui/live'], ...chain(...guards, showLive(options)))
  for (const page of options.pages) {
    app.on('GET', [page.path], ...chain(...guards, show(page, options, assets.base)))
  }
}

const show =
  (page: DashboardPage, options: DashboardOptions, base: () => Promise<string>): Handler<Env> =>
  async (c) => {
    const view = viewOf(c, options)
    if (page.needs === 'admin' && !view.isAdmin) {
      throw new Failure('not_allowed', 'This page is for admins.')
    }
    if (page.csv && c.req.query('csv') !== undefined) return file(c, page, await page.csv(view))
    const content = await page.render(view)
    const frame = {
      ...options,
      page,
      pages: options.pages.filter(
        ({ needs, unlisted }) => !unlisted && (needs === 'role' || view.isAdmin),
      ),
      assets: await base(),
      view,
      content,
    }
    return c.html(document(frame), 200, headers)
  }

const viewOf = (c: Context<Env>, { clock }: DashboardOptions): View => {
  const permissions: Permissions = c.get('permissions')
  return {
    c,
    caller: c.get('auth').caller as Caller,
    permissions,
    isAdmin: permissions.role === 'admin',
    now: clock.now(),
    asked: (name) => c.req.query(name)?.trim() || undefined,
  }
}

const file = (c: Context<Env>, { path }: DashboardPage, text: string): Response =>
  c.body(text, 200, {
    ...headers,
    'content-type': 'text/csv; charset=utf-8',
    // The name is one of ours.
    'content-disposition': `attachment; filename="postern-${path.split('/').at(-1)}.csv"`,
  })
