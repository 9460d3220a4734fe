import type { Context } from 'hono'
import type { Env, Permissions } from '../../gateway/http/env.ts'
import type { Html } from '../../gateway/http/page.ts'
import type { Caller } from '../../platform/caller.ts'
import type { Icon } from './parts/icon.ts'

/** Who looks at a page, and how they got here. */
export interface View {
  readonly c: Context<Env>
  readonly caller: Caller
  readonly permissions: Permissions
  readonly isAdmin: boolean
  /** Wall clock, ms. */
  readonly now: number
  /** Of the query; undefined: not there, or empty. */
  asked(name: string): string | undefined
}

/** A page: what the menu, the router and the frame around it need to know. */
export interface DashboardPage {
  /** `/ui/models` */
  readonly path: string
  readonly title: string
  /** One sentence under the title. */
  readonly about: string
  readonly icon: Icon
  readonly needs: 'role' | 'admin'
  /** For users their own, for admins everybody's: listed where it is more. */
  readonly forAdmins?: true
  /** Not in the menu. */
  readonly unlisted?: true
  /** Files of `assets` beside those that every page loads. */
  readonly scripts?: readonly string[]
  render(view: View): Html | Promise<Html>
  /** The same as rows of a file, at `?csv`. */
  csv?(view: View): string | Promise<string>
}
