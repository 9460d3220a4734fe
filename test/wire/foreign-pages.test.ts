import { expect, it } from 'vitest'
import { aliceHeaders, chat, together } from '../support/setup.ts'

const grant = (src: string, ...entries: object[]) => ({
  src: [src],
  app: { 'tailscale.com/cap/aperture': entries },
})
const pages = together({
  config: {
    allowed_hosts: ['machine.tail.test'],
    grants: [
      grant('alice@example.com', { role: 'user', models: '**' }),
      grant('alice@example.com', {
        set_cors: true,
        'Access-Control-Allow-Origin': 'https://app.example',
      }),
    ],
  },
})

/** Node's own fetch sends `Sec-Fetch-Mode` and leaves the other headers to us. */
const from = (headers: Record<string, string>) => chat(pages.url, { model: 'm' }, { headers })

it.each([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'http://127.0.0.1:1' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'https://machine.tail.test', 'sec-fetch-site': 'cross-site' },
])('a page of another site is refused what its visitor’s browser proves: %j', async (headers) => {
  const answer = await from(headers as Record<string, string>)
  expect(answer.status).toBe(403)
  expect(await answer.json()).toMatchObject({ error: { code: 'origin_not_allowed' } })
})

it.each([
  {},
  { 'sec-fetch-site': 'same-origin', origin: 'http://own' },
  { 'sec-fetch-site': 'none' },
  { origin: 'https://machine.tail.test' },
  { origin: 'https://app.example' },
])('programs, our own pages and granted ones are served: %j', async (headers) => {
  const answer = await from(headers as Record<string, string>)
  expect(answer.status).toBe(200)
  await answer.arrayBuffer()
})

it('a page that brings its own key was asked by its browser, and is served', async () => {
  const answer = await from({
    authorization: 'Bearer alice:alice-password',
    origin: 'app://notes',
  })
  expect(answer.status).toBe(200)
  await answer.arrayBuffer()
})

it('an upload from another site, which needs no leave of any browser, reaches no model', async () => {
  const form = new FormData()
  form.set('model', 'm')
  form.set('file', new Blob(['x']), 'a.wav')
  const before = pages.upstream.requests.length
  const answer = await fetch(`${pages.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { authorization: aliceHeaders.authorization, origin: 'https://evil.example' },
    body: form,
  })
  expect(answer.status).toBe(403)
  expect(pages.upstream.requests).toHaveLength(before)
})
