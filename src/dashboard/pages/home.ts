import { html } from 'hono/html'
import { addressesOf } from '../connect/addresses.ts'
import type { DashboardPage } from '../page.ts'
import { card, snippet, tiles } from '../parts/pieces.ts'
import type { ConnectSources } from './connect.ts'

export const homePage = ({ config, models }: ConnectSources): DashboardPage => ({
  path: '/ui',
  title: 'Home',
  about: 'Your part of this gateway.',
  icon: 'home',
  needs: 'role',
  render: ({ permissions, c }) => {
    const mine = models(permissions)
    const [here] = addressesOf(config, c.var.client)
    return html`${tiles([['Models you may use', String(mine.length)]])}${card(
      'Start here',
      html`<div class="body">${snippet(`${here?.base}/v1`, 'Base URL for OpenAI’s clients')}<div class="actions"><a class="button primary" href="/ui/connect">Connect a client</a><a class="button" href="/ui/models">Try a model</a></div></div>`,
    )}`
  },
})
