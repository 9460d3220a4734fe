import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { digestOf, newRandomKey } from '../../src/gateway/identity/key-format.ts'
import { type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startHookServer } from '../support/hook-server.ts'
import { apiKey } from '../support/keys.ts'
import { aliceHeaders, chat } from '../support/setup.ts'

/** Answers when the test says so, with as much as was asked for: a tenth of a cent in, two tenths a token out. */
let held: PromiseWithResolvers<void> | undefined
let upstream: FakeUpstream

const prices = { '*': { input: 1000, output: 2000 } }
const answered = (tokens: unknown) => ({
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'x' } }],
  usage: { prompt_tokens: 10, completion_tokens: tokens, total_tokens: 0 },
})

beforeAll(async () => {
  upstream = await startUpstream(async ({ json, response }) => {
    await held?.promise
    if (json.model === 'broken') response.writeHead(500).end('{"error":{"message":"no"}}')
    else {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answered(json.max_tokens ?? 40)))
    }
    return true
  })
})
afterAll(() => upstream.stop())

interface Setting {
  readonly quotas: object
  /** What alice's requests are charged to. */
  readonly charged: readonly object[]
  readonly more?: { readonly [key: string]: unknown }
  readonly provider?: object
}

const configOf = ({ quotas, charged, more, provider }: Setting) => ({
  quotas,
  providers: {
    local: {
      baseurl: upstream.url,
      models: ['m', 'broken'],
      prices,
      compatibility: {
        openai_chat: true,
        anthropic_messages: true,
        gemini_generate_content: true,
        bedrock_model_invoke: true,
      },
      ...provider,
    },
  },
  grants: [
    {
      src: ['alice@example.com', 'bob'],
      app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**', quotas: charged }] },
    },
    { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
  ],
  ...more,
})

const start = async (setting: Setting): Promise<TestGateway> => {
  const gateway = await startTestGateway(configOf(setting))
  onTestFinished(() => gateway.stop())
  // So that no request waits for bcrypt.
  await fetch(`${gateway.url}/v1/models`, { headers: aliceHeaders })
  return gateway
}

const ask = (gateway: TestGateway, body: object = {}, init = {}) =>
  chat(gateway.url, { model: 'm', max_tokens: 40, ...body }, init)

const statuses = async (answers: readonly Promise<Response>[]) => {
  const seen = await Promise.all(answers.map(async (it) => (await it).status))
  return {
    passed: seen.filter((s) => s === 200).length,
    refused: seen.filter((s) => s === 429).length,
  }
}

/** All of them are refused, or at the provider before the first of those is answered. */
const together = async (gateway: TestGateway, count: number, body: object = {}) => {
  held = Promise.withResolvers()
  const before = upstream.requests.length
  let refused = 0
  const answers = Array.from({ length: count }, async () => {
    const answer = await ask(gateway, body)
    if (answer.status === 429) refused++
    return answer
  })
  await expect
    .poll(() => upstream.requests.length - before + refused, { timeout: 5000 })
    .toBe(count)
  release()
  return statuses(answers)
}

const release = () => {
  held?.resolve()
  held = undefined
}

const as = (name: string) => ({ authorization: `Basic ${btoa(`${name}:${name}-password`)}` })

const bucketsOf = async (gateway: TestGateway, who = 'owner') => {
  const answer = await fetch(`${gateway.url}/api/quotas`, { headers: as(who) })
  const { quotas } = (await answer.json()) as { quotas: { bucket: string; balance: number }[] }
  return Object.fromEntries(quotas.map(({ bucket, balance }) => [bucket, balance]))
}

/** When what was open is on the ledger. */
const settled = (gateway: TestGateway) =>
  expect.poll(() => gateway.state.quotas.open, { timeout: 2000 }).toBe(0)

describe('fifty requests at once', () => {
  it('for a budget of one: one passes, though nobody was ever charged before', async () => {
    const gateway = await start({
      quotas: { 'n:<user>': { capacity: '1 request' } },
      charged: [{ bucket: 'n:<user>' }],
    })
    expect(await together(gateway, 50)).toEqual({ passed: 1, refused: 49 })
    expect(await bucketsOf(gateway)).toEqual({ 'n:alice@example.com': 0 })
  })

  it('for a budget of seven: seven pass', async () => {
    const gateway = await start({
      quotas: { n: { capacity: '7 requests' } },
      charged: [{ bucket: 'n' }],
    })
    expect(await together(gateway, 50)).toEqual({ passed: 7, refused: 43 })
  })

  it('on four places: four pass, and later four more', async () => {
    const gateway = await start({
      quotas: { lane: { capacity: '4 concurrent' } },
      charged: [{ bucket: 'lane' }],
    })
    expect(await together(gateway, 50)).toEqual({ passed: 4, refused: 46 })
    await settled(gateway)
    expect(await together(gateway, 10)).toEqual({ passed: 4, refused: 6 })
  })

  it('for dollars that pay three: three pass, and nothing is overspent', async () => {
    // 0.01 + 40 × 0.002 = 0.09 each; the prompt is held for at a third of its bytes.
    const gateway = await start({
      quotas: { team: { capacity: '$0.40' } },
      charged: [{ bucket: 'team' }],
    })
    const { passed } = await together(gateway, 50)
    expect(passed).toBe(3)
    expect(await bucketsOf(gateway)).toEqual({ team: 400_000_000 - 3 * 90_000_000 })
  })

  it('far dearer than the budget: one passes, so that is all that can be overspent', async () => {
    const gateway = await start({
      quotas: { team: { capacity: '$0.01' } },
      charged: [{ bucket: 'team' }],
    })
    expect(await together(gateway, 50, { max_tokens: 10_000 })).toEqual({ passed: 1, refused: 49 })
    expect(await bucketsOf(gateway)).toEqual({ team: 10_000_000 - 20_010_000_000 })
    expect(await together(gateway, 50)).toEqual({ passed: 0, refused: 50 })
  })

  it('that set no limit hold for the longest answer, so one passes', async () => {
    const gateway = await start({
      quotas: { team: { capacity: '100k tokens', rate: '100k tokens/min' } },
      charged: [{ bucket: 'team' }],
    })
    const { passed } = await together(gateway, 50, { max_tokens: undefined })
    expect(passed).toBe(3)
  })
})

describe('a budget', () => {
  it('is each person’s where it says so, and everybody’s where not', async () => {
    const gateway = await start({
      quotas: { 'n:<user>': { capacity: '2 requests' }, team: { capacity: '3 requests' } },
      charged: [{ bucket: 'n:<user>' }, { bucket: 'team' }],
    })
    for (const who of ['alice', 'alice', 'bob']) {
      expect((await ask(gateway, {}, { headers: as(who) })).status).toBe(200)
    }
    const refused = await ask(gateway, {}, { headers: as('bob') })
    expect(await refused.text()).toContain('The budget \\"team\\" is used up')
    expect(await bucketsOf(gateway, 'bob')).toEqual({ 'n:bob': 1, team: 0 })
    expect(await bucketsOf(gateway)).toEqual({ 'n:alice@example.com': 0, 'n:bob': 1, team: 0 })
  })

  it('is on the page of metrics where it is everybody’s, and without anybody’s name', async () => {
    const gateway = await start({
      quotas: { 'n:<user>': { capacity: '2 requests' }, team: { capacity: '$1.00' } },
      charged: [{ bucket: 'n:<user>' }, { bucket: 'team' }],
    })
    await ask(gateway)
    await settled(gateway)
    const page = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(page.match(/^postern_quota_.*/gm)).toEqual([
      'postern_quota_left{quota="team",unit="dollars"} 0.91',
      'postern_quota_capacity{quota="team",unit="dollars"} 1',
    ])
  })

  it('is told to hooks, in billionths of a dollar', async () => {
    const hooks = await startHookServer()
    onTestFinished(() => hooks.stop())
    const setting: Setting = {
      quotas: { team: { capacity: '$10.00', rate: '$5.00/day' } },
      charged: [{ bucket: 'team' }],
    }
    const { grants, ...rest } = configOf(setting)
    const hook = { name: 'audit', events: ['pre_request'], send: ['quotas'] }
    const gateway = await startTestGateway({
      ...rest,
      hooks: { audit: { url: `${hooks.url}/audit` } },
      grants: [
        ...grants,
        {
          src: ['alice@example.com'],
          app: { 'tailscale.com/cap/aperture': [{ send_hooks: [hook] }] },
        },
      ],
    })
    onTestFinished(() => gateway.stop())
    await ask(gateway)
    await ask(gateway)
    const told = hooks.requests.map(({ json }) => json.metadata) as { quotas: unknown }[]
    expect(told.map(({ quotas }) => quotas)).toMatchObject([
      { team: { current: 10_000_000_000, capacity: 10_000_000_000, rate: '$5.00/day' } },
      { team: { current: expect.closeTo(9_910_000_000, -6) } },
    ])
  })

  it('that is used up with one provider leaves the next', async () => {
    const { providers, ...rest } = configOf({
      quotas: { team: { capacity: '1 request' } },
      charged: [],
    })
    const entries = [
      { role: 'user', models: '**' },
      { models: 'local/**', quotas: [{ bucket: 'team' }] },
    ]
    const gateway = await startTestGateway({
      ...rest,
      providers: { ...providers, spare: { ...providers.local, preference: -1 } },
      grants: [{ src: ['alice@example.com'], app: { 'tailscale.com/cap/aperture': entries } }],
    })
    onTestFinished(() => gateway.stop())
    for (const _ of [1, 2]) expect((await ask(gateway)).status).toBe(200)
    await settled(gateway)
    expect(gateway.store.usage.map(({ provider }) => provider)).toEqual(['local', 'spare'])
  })

  it('borrows from the next in its chain, and blocks when all of it is spent', async () => {
    const gateway = await start({
      quotas: { 'day:<user>': { capacity: '$0.10' }, team: { capacity: '$0.20' } },
      charged: [{ bucket: 'day:<user>', overdraft: ['team'] }],
    })
    for (const _ of [1, 2, 3, 4]) expect((await ask(gateway)).status).toBe(200)
    expect((await ask(gateway)).status).toBe(429)
    expect(await bucketsOf(gateway)).toEqual({ 'day:alice@example.com': 0, team: -60_000_000 })
  })
})

describe('what becomes of a request that was let in', () => {
  const setting: Setting = {
    quotas: { team: { capacity: '$1.00' }, n: { capacity: '3 requests' } },
    charged: [{ bucket: 'team' }, { bucket: 'n' }],
  }

  it('and that a provider refused: nothing is charged', async () => {
    const gateway = await start(setting)
    expect((await ask(gateway, { model: 'broken' })).status).toBe(500)
    await settled(gateway)
    expect(await bucketsOf(gateway)).toEqual({ team: 1_000_000_000, n: 3 })
  })

  it('and that never reached a provider: nothing is charged', async () => {
    const gateway = await start({ ...setting, provider: { baseurl: 'http://127.0.0.1:9' } })
    expect((await ask(gateway)).status).toBe(502)
    await settled(gateway)
    expect(await bucketsOf(gateway)).toEqual({ team: 1_000_000_000, n: 3 })
  })

  it('and that a guard stopped: nothing is charged, and nothing stays held', async () => {
    const { grants, ...rest } = configOf(setting)
    const hook = { name: 'inside', events: ['pre_request'], send: ['request_body'] }
    const gateway = await startTestGateway({
      ...rest,
      hooks: { inside: { redact: { action: 'block' } } },
      grants: [
        ...grants,
        {
          src: ['alice@example.com'],
          app: { 'tailscale.com/cap/aperture': [{ send_hooks: [hook] }] },
        },
      ],
    })
    onTestFinished(() => gateway.stop())
    const messages = [{ role: 'user', content: 'mail ana@example.com' }]
    expect((await ask(gateway, { messages })).status).toBe(403)
    await settled(gateway)
    expect(await bucketsOf(gateway)).toEqual({ team: 1_000_000_000, n: 3 })
  })

  it.each(['/v1/chat/completions', '/v1/embeddings'])(
    'and whose client left before the answer: charged all the same (%s)',
    async (path) => {
      const gateway = await start(setting)
      held = Promise.withResolvers()
      const before = upstream.requests.length
      const leaving = new AbortController()
      const left = ask(gateway, { input: 'x' }, { path, signal: leaving.signal }).catch(
        () => 'left',
      )
      await upstream.received(before + 1)
      leaving.abort()
      expect(await left).toBe('left')
      await settled(gateway)
      release()
      const { team = 0, n } = await bucketsOf(gateway)
      expect([team < 1_000_000_000, n]).toEqual([true, 2])
    },
  )

  it('while the configuration changes: counted where its budget still is, and never twice', async () => {
    const gateway = await start(setting)
    held = Promise.withResolvers()
    const before = upstream.requests.length
    const open = [ask(gateway), ask(gateway)]
    await upstream.received(before + 2)
    await gateway.reload(
      configOf({
        quotas: { team: { capacity: '$0.50' }, other: { capacity: '1 request' } },
        charged: [{ bucket: 'team' }],
      }),
    )
    release()
    expect(await statuses(open)).toEqual({ passed: 2, refused: 0 })
    await settled(gateway)
    expect(await bucketsOf(gateway)).toEqual({ team: 500_000_000 - 180_000_000, other: 1 })
    expect(gateway.store.quotaChanges).toMatchObject([
      { dropped: ['n'], redefined: [{ quota: 'team', capacity: 500_000_000 }] },
    ])
    // What was taken from `n` is taken from nothing that is still there.
    expect(gateway.store.charges.map(({ quota }) => quota)).toEqual(['team', 'team'])
  })

  it('when its budget begins to count something else: the new one is full', async () => {
    const gateway = await start(setting)
    held = Promise.withResolvers()
    const before = upstream.requests.length
    const open = ask(gateway)
    await upstream.received(before + 1)
    await gateway.reload(
      configOf({ quotas: { team: { capacity: '500 tokens' } }, charged: [{ bucket: 'team' }] }),
    )
    release()
    expect((await open).status).toBe(200)
    await settled(gateway)
    expect(await bucketsOf(gateway)).toEqual({ team: 500 })
  })

  it('survives a slip in the definition: refused meanwhile, and not full afterwards', async () => {
    const gateway = await start(setting)
    expect((await ask(gateway)).status).toBe(200)
    await settled(gateway)
    const slip = { ...setting.quotas, team: { capacity: '1,00 €' } }
    await gateway.reload(configOf({ ...setting, quotas: slip }))
    expect((await ask(gateway)).status).toBe(429)
    await gateway.reload(configOf(setting))
    expect(await bucketsOf(gateway)).toEqual({ team: 910_000_000, n: 2 })
  })
})

describe('a request that no budget lets in', () => {
  const spent: Setting = { quotas: { zero: { capacity: '$0.00' } }, charged: [{ bucket: 'zero' }] }

  it.each([
    ['/v1/chat/completions', { error: { type: 'insufficient_quota', code: 'insufficient_quota' } }],
    ['/v1/messages', { type: 'error', error: { type: 'rate_limit_error' } }],
    ['/v1beta/models/m:generateContent', { error: { code: 429, status: 'RESOURCE_EXHAUSTED' } }],
    ['/bedrock/model/m/invoke', { message: expect.stringContaining('The budget "zero"') }],
  ])('is answered in the words of its dialect: %s', async (path, body) => {
    const gateway = await start(spent)
    const answer = await ask(gateway, {}, { path })
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    expect(answer.headers.get('x-amzn-errortype')).toBe(
      path.startsWith('/bedrock') ? 'ThrottlingException' : null,
    )
    expect(await answer.json()).toMatchObject(body)
  })

  it('is on the log at warn, with the budget, who and which model', async () => {
    const gateway = await start(spent)
    await ask(gateway)
    expect(gateway.log.filter(({ evt }) => evt === 'quota.exceeded')).toMatchObject([
      { level: 'warn', detail: 'zero: spent', login_name: 'alice@example.com', model: 'm' },
    ])
  })

  it('is told when to come again', async () => {
    const gateway = await start({
      quotas: { n: { capacity: '1 request', rate: '1 request/min' } },
      charged: [{ bucket: 'n' }],
    })
    await ask(gateway)
    const after = Number((await ask(gateway)).headers.get('retry-after'))
    expect(after).toBeGreaterThan(55)
    expect(after).toBeLessThanOrEqual(60)
  })

  it.each([
    ['a capacity that cannot be read', { bad: { capacity: 'ten dollars' } }, { bucket: 'bad' }],
    ['a template that nobody knows', { 'x:<team>': { capacity: '$1.00' } }, { bucket: 'x:<team>' }],
    ['a quota that is not defined', {}, { bucket: 'missing' }],
    [
      'a chain of different kinds',
      { a: { capacity: '$1.00' }, b: { capacity: '5 requests' } },
      { bucket: 'a', overdraft: ['b'] },
    ],
  ])('is refused for %s', async (_, quotas, charged) => {
    const gateway = await start({ quotas, charged: [charged] })
    const answer = await ask(gateway)
    expect([answer.status, await answer.text()]).toEqual([
      429,
      expect.stringContaining('cannot be read'),
    ])
  })
})

describe('a price that nobody knows', () => {
  const dollars = (quota: object = {}) => ({
    quotas: { team: { capacity: '$1.00', ...quota } },
    charged: [{ bucket: 'team' }],
  })
  const billed = { prices: undefined, cost_basis: 'openai' }
  const free = { prices: undefined }

  it.each([
    ['refused where somebody bills', billed, {}, 429],
    ['let pass where nobody bills', free, {}, 200],
    ['let pass where the budget says so', billed, { unknown_price: 'allow' }, 200],
    ['refused where the budget says so', free, { unknown_price: 'reject' }, 429],
  ])('is %s', async (_, provider, quota, status) => {
    const gateway = await start({ ...dollars(quota), provider })
    expect((await ask(gateway)).status).toBe(status)
    await settled(gateway)
    expect(await bucketsOf(gateway)).toEqual({ team: 1_000_000_000 })
  })

  it('keeps no budget of tokens from counting', async () => {
    const gateway = await start({
      quotas: { t: { capacity: '100 tokens' } },
      charged: [{ bucket: 't' }],
      provider: billed,
    })
    expect((await ask(gateway)).status).toBe(200)
    expect(await bucketsOf(gateway)).toEqual({ t: 50 })
  })
})

describe('a key with a budget of its own', () => {
  it('spends that, whatever its login may', async () => {
    const gateway = await start({ quotas: {}, charged: [] })
    const key = newRandomKey((count) => crypto.getRandomValues(new Uint8Array(count)))
    const limits = { quota: { capacity: '1 request' } }
    const known = apiKey({ digest: await digestOf(key), expiresAt: null, limits })
    gateway.store.changeKeys({ keys: [known], signers: [] })
    const headers = { authorization: `Bearer ${key}` }
    expect((await ask(gateway, {}, { headers })).status).toBe(200)
    expect((await ask(gateway, {}, { headers })).status).toBe(429)
    expect((await ask(gateway)).status).toBe(200)
  })
})

describe('/api/quotas', () => {
  const setting: Setting = {
    quotas: { 'day:<user>': { capacity: '$10.00' }, n: { capacity: '5 requests' } },
    charged: [{ bucket: 'day:<user>' }],
  }
  const refill = (gateway: TestGateway, body: object, who = 'owner', base = '/api') =>
    fetch(`${gateway.url}${base}/quotas/refill`, {
      method: 'POST',
      headers: { ...as(who), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const bucket = 'day:alice@example.com'

  it('shows everyone their own, and admins all of them', async () => {
    const gateway = await start(setting)
    expect(await bucketsOf(gateway, 'alice')).toEqual({ [bucket]: 10_000_000_000 })
    await ask(gateway)
    expect(await bucketsOf(gateway, 'alice')).toEqual({ [bucket]: 9_910_000_000 })
    expect(await bucketsOf(gateway)).toEqual({ [bucket]: 9_910_000_000, n: 5 })
  })

  it.each(['/api', '/postern/api'])('puts something back at once, on record: %s', async (base) => {
    const gateway = await start(setting)
    for (const _ of [1, 2]) await ask(gateway)
    const answer = await refill(gateway, { bucket, amount: '$0.05' }, 'owner', base)
    expect([answer.status, await answer.json()]).toMatchObject([200, { balance: 9_870_000_000 }])
    expect(await (await refill(gateway, { bucket, amount: '$5.00' })).json()).toMatchObject({
      balance: 10_000_000_000,
    })
    expect(gateway.store.acts.map(({ audit }) => audit)).toMatchObject([
      { action: 'quota.refill', target: bucket, detail: '$0.05', login: 'owner', outcome: 'done' },
      { detail: '$5.00' },
    ])
    const [first] = gateway.store.quotaChanges
    expect(first?.refilled).toMatchObject([{ holder: 'alice@example.com', amount: 50_000_000 }])
  })

  it('takes a refill of a bucket that was never used: it stays full', async () => {
    const gateway = await start(setting)
    for (const name of [bucket, 'day:carol@example.com', 'n']) {
      const amount = name === 'n' ? '1 request' : '$5.00'
      const answer = await refill(gateway, { bucket: name, amount })
      const full = name === 'n' ? 5 : 10_000_000_000
      expect([answer.status, await answer.json()]).toMatchObject([
        200,
        { bucket: name, balance: full, capacity: full },
      ])
    }
    expect((await refill(gateway, { bucket: 'week:carol', amount: '$5.00' })).status).toBe(404)
    expect(await bucketsOf(gateway, 'alice')).toEqual({ [bucket]: 10_000_000_000 })
  })

  it('does a refill once, however often it is told', async () => {
    const gateway = await start(setting)
    for (const _ of [1, 2]) await ask(gateway)
    await refill(gateway, { bucket, amount: '$0.05' })
    const told = gateway.store.quotaChanges[0]?.refilled ?? []
    for (const { refills } of gateway.store.quotaListeners) refills(told)
    expect(await bucketsOf(gateway, 'alice')).toEqual({ [bucket]: 9_870_000_000 })
  })

  it.each([
    [{ bucket, amount: '5 requests' }, 'owner', 422],
    [{ bucket, amount: 'plenty' }, 'owner', 422],
    [{ bucket: 'week:nobody', amount: '$1.00' }, 'owner', 404],
    [{ bucket, amount: '$1.00', more: 1 }, 'owner', 422],
    [{ bucket, amount: '$1.00' }, 'alice', 403],
  ])('refuses %j of %s with %i', async (body, who, status) => {
    const gateway = await start(setting)
    await ask(gateway)
    const answer = await refill(gateway, body, who)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      status,
      'application/problem+json',
    ])
    expect(await bucketsOf(gateway, 'alice')).toEqual({ [bucket]: 9_910_000_000 })
  })
})
