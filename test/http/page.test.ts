import { createHash } from 'node:crypto'
import { html } from 'hono/html'
import { expect, it } from 'vitest'
import { document, pageHeaders } from '../../src/gateway/http/page.ts'

it('a page of ours carries the one style that its policy lets in', async () => {
  const text = String(await document({ title: 'Title', content: html`<p>Content</p>` }))
  const style = text.split(/<\/?style>/)[1] ?? ''
  const digest = createHash('sha256').update(style).digest('base64')
  expect(pageHeaders['content-security-policy']).toContain(`style-src 'sha256-${digest}';`)
})
