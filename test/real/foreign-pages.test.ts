import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { chromium, launchChromium } from '../support/parts/chromium.ts'
import { describeWith } from '../support/parts/need.ts'

/** A visitor's address, as the proxy in front tells it: loopback itself is never banned. */
const visitor = '203.0.113.9'
const alice = { authorization: `Basic ${btoa('alice:alice-password')}` }

/** Everything by which a page can make its visitor's browser send a credential without asking anyone. */
const attack = (gateway: string): string => {
  const withUser = (i: number) => gateway.replace('://', `://x:bad${i}@`)
  const lines = Array.from({ length: 12 }, (_, i) => [
    `<img src="${gateway}/v1beta/models?key=x:bad${i}">`,
    `<img referrerpolicy="no-referrer" src="${gateway}/v1beta/models?key=word${i}">`,
    `<img src="${withUser(i)}/v1/models">`,
    `<script src="${gateway}/v1beta/models?key=x:script${i}"></script>`,
    `<link rel="stylesheet" href="${gateway}/v1beta/models?key=x:style${i}">`,
    `<iframe src="${gateway}/v1beta/models?key=x:frame${i}"></iframe>`,
    `<form id="f${i}" method="post" target="_blank" action="${gateway}/v1beta/models?key=x:form${i}"></form>`,
    `<script>
      fetch('${gateway}/v1beta/models?key=x:fetch${i}', { mode: 'no-cors', credentials: 'include' }).catch(() => {})
      window.open('${withUser(i + 100)}/v1/models')
      f${i}.submit()
    </script>`,
  ])
  return `<!doctype html><title>evil</title>${lines.flat().join('\n')}`
}

describeWith([chromium], 'a page of another site in a real browser', () => {
  let gateway: TestGateway
  let proxy: Server
  let evil: Server
  let browser: Browser
  const seen: { readonly url: string; readonly authorization: string | undefined }[] = []
  const portOf = (server: Server) => (server.address() as AddressInfo).port
  let page = ''

  beforeAll(async () => {
    gateway = await startTestGateway({
      listeners: [{ name: 'proxy', bind: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] }],
      allowed_hosts: ['gateway.test'],
    })
    proxy = createServer((incoming, outgoing) => {
      const { url = '', method, headers } = incoming
      seen.push({ url, authorization: headers.authorization })
      const onward = request(
        {
          host: '127.0.0.1',
          port: gateway.port,
          path: url,
          method,
          headers: { ...headers, 'x-forwarded-for': visitor },
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(outgoing)
        },
      )
      onward.on('error', () => outgoing.destroy())
      incoming.pipe(onward)
    }).listen(0, '127.0.0.1')
    evil = createServer((_incoming, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'text/html' })
      outgoing.end(page)
    }).listen(0, '127.0.0.1')
    await Promise.all([once(proxy, 'listening'), once(evil, 'listening')])
    browser = await launchChromium(['--host-resolver-rules=MAP *.test 127.0.0.1'])
  })
  afterAll(async () => {
    await browser?.close()
    proxy?.close()
    evil?.close()
    await gateway?.stop()
  })

  const models = () =>
    fetch(`http://127.0.0.1:${portOf(proxy)}/v1/models`, { headers: alice }).then((it) => it.status)

  test.each([
    // Browsers say where a request comes from to addresses that count as safe, and to no others.
    ['a safe address', 'http://127.0.0.1'],
    ['an address in the clear', 'http://gateway.test'],
  ])('cannot have its visitor banned, at %s', async (_what, host) => {
    seen.length = 0
    page = attack(`${host}:${portOf(proxy)}`)
    const context = await browser.newContext()
    const tab = await context.newPage()
    await tab.goto(`http://evil.test:${portOf(evil)}/`, { waitUntil: 'load' })
    await tab.waitForTimeout(1500)
    await context.close()
    expect(seen.filter(({ url }) => url.includes('key=')).length).toBeGreaterThan(60)
    expect(gateway.store.bans).toEqual([])
    const guesses = gateway.store.failures.filter(({ reason }) =>
      ['unknown_key', 'unknown_user', 'wrong_password'].includes(reason),
    )
    expect(guesses).toEqual([])
    expect(await models()).toBe(200)
  })

  test('sends what it was seen to send: a password in the address of a window among it', () => {
    expect(seen.some(({ authorization }) => authorization?.startsWith('Basic '))).toBe(true)
  })
})
