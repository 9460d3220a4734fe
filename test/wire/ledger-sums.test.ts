import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { type Child, child, dataDir, query } from '../store/fixtures.ts'
import { type Exchange, type FakeUpstream, startUpstream } from '../support/fake-upstream.ts'
import { freePort } from '../support/parts/port.ts'
import { readPage, total } from '../support/prometheus.ts'
import { aliceHeaders } from '../support/setup.ts'

/** `POSTERN_TEST_REQUESTS=100000 POSTERN_TEST_KILLS=20` is the whole of it, and takes minutes. */
const REQUESTS = Number(process.env.POSTERN_TEST_REQUESTS ?? 3000)
const KILLS = Number(process.env.POSTERN_TEST_KILLS ?? 2)
/** A row is written within a few ms of the answer's end; what ended this long before a kill must be there. */
const SETTLED_MS = 1000

const owner = { authorization: `Basic ${btoa('owner:owner-password')}` }

/** The model of it: what a client saw under a label; what the model server counts for it follows from the label. */
interface Truth {
  /** When the client had all of it, `performance.now()`. */
  endedAt?: number
  status?: number
}
const truths = new Map<string, Truth>()

const counts = (label: string) => {
  const n = Number(label.slice(1))
  return { input: 10 + (n % 900), output: 1 + (n % 70) }
}

/** A model server that tells how much each request came to, and fails in every way. */
const serve = async ({ json, response }: Exchange): Promise<boolean> => {
  const label = String(json.user)
  const { input, output } = counts(label)
  if (json.model === 'broken') {
    response.writeHead(500, { 'content-type': 'application/json' })
    response.end('{"error":{"message":"no"}}')
    return true
  }
  if (json.model === 'dies') {
    response.destroy()
    return true
  }
  const usage = { prompt_tokens: input, completion_tokens: output }
  if (json.stream !== true) {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ object: 'chat.completion', choices: [], usage }))
    return true
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let at = 0; at < 3; at++) {
    response.write(`data: {"choices":[{"index":0,"delta":{"content":" w${at}"}}]}\n\n`)
    await sleep(1)
  }
  if (json.model === 'cut') {
    response.destroy()
    return true
  }
  response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`)
  return true
}

let upstream: FakeUpstream
let dir: string
let url: string
let file: string
const prepare = async (): Promise<void> => {
  upstream = await startUpstream(serve)
  onTestFinished(() => upstream.stop())
  dir = dataDir()
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  file = join(dir, 'postern.hujson')
  const models = ['good', 'broken', 'dies', 'cut']
  const config = {
    listeners: [{ name: 'local', bind: `127.0.0.1:${port}` }],
    log: { access: false },
    rate_limits: [],
    label_header: 'x-label',
    providers: {
      one: { baseurl: upstream.url, models, prices: { '*': { input: 1000, output: 2000 } } },
      gone: { baseurl: 'http://127.0.0.1:9', models: ['away'] },
    },
    users: {
      owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' },
      alice: { password: '$2b$04$otTxTBeBJNqjnjxpr8AYnu1j4/5qlDBrWBQDEdm17/4x74JmGbRm6' },
    },
    grants: [
      { src: ['alice'], app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] } },
      { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
    ],
  }
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
}

const start = async (): Promise<Child> => {
  const gateway = child('../../src/cli/main.ts', 'up', '--config', file, '--data', dir)
  gateway.process.stdout?.resume()
  const isUp = () =>
    fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(isUp, { timeout: 20_000, interval: 20 }).toBe(true)
  return gateway
}

/** A linear congruential generator: the same requests every time. */
let seed = 11
const roll = (sides: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * sides)
}

const asked = ['good', 'good', 'good', 'good', 'broken', 'dies', 'cut', 'away', 'nobody-has-it']
let next = 0

const play = async (): Promise<void> => {
  const label = `r${next++}`
  const model = asked[roll(asked.length)] ?? 'good'
  const truth: Truth = {}
  truths.set(label, truth)
  const leaves = roll(12) === 0 ? AbortSignal.timeout(1 + roll(8)) : undefined
  const message = { role: 'user', content: 'hi' }
  const body = { model, user: label, stream: model === 'cut' || roll(2) === 0, messages: [message] }
  const headers = {
    ...(roll(4) === 0 ? { ...aliceHeaders, ...owner } : aliceHeaders),
    'x-label': label,
  }
  try {
    const init = { method: 'POST', headers, body: JSON.stringify(body), signal: leaves ?? null }
    const answer = await fetch(`${url}/v1/chat/completions`, init)
    truth.status = answer.status
    await answer.arrayBuffer()
    truth.endedAt = performance.now()
  } catch {
    // Broken off: by the model server, by us, or by the gateway's death.
  }
}

/** Plays until so many were asked, or the gateway is to die. */
const playOn = (until: number, dead: AbortSignal): Promise<unknown> => {
  const worker = async () => {
    while (next < until && !dead.aborted) await play()
  }
  return Promise.all(Array.from({ length: 16 }, worker))
}

const columns = ['input_tokens', 'output_tokens', 'cost_nanousd', 'bytes_in', 'bytes_out'] as const
type Sums = Record<(typeof columns)[number] | 'requests', number>

const inDatabase = async (): Promise<Sums> => {
  const sql = `SELECT count(*), ${columns.map((name) => `coalesce(sum(${name}), 0)`)} FROM usage`
  const [row] = await query(dir, sql)
  return toSums(row as number[])
}
const toSums = (values: readonly number[]): Sums =>
  Object.fromEntries(['requests', ...columns].map((name, at) => [name, values[at]])) as Sums

const get = async (path: string): Promise<string> => {
  const answer = await fetch(url + path, { headers: owner })
  expect(answer.status).toBe(200)
  return answer.text()
}
const inApi = async (): Promise<Sums> => {
  const { total: sums } = JSON.parse(await get('/postern/api/usage')) as { total: Sums }
  return toSums([sums.requests, ...columns.map((name) => sums[name])])
}
const inGroups = async (): Promise<Sums> => {
  const { data } = JSON.parse(await get('/postern/api/usage/top?by=model')) as { data: Sums[] }
  return toSums(['requests' as const, ...columns].map((name) => sum(data.map((it) => it[name]))))
}
const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)

const inNdjson = async (): Promise<Sums> => {
  const text = (await get('/postern/api/usage.ndjson')).trim()
  const rows = text.split('\n').map((line) => JSON.parse(line) as Record<string, number | null>)
  return toSums([rows.length, ...columns.map((name) => sum(rows.map((row) => row[name] ?? 0)))])
}
const inCsv = async (): Promise<Sums> => {
  const [head = '', ...lines] = (await get('/postern/api/usage.csv')).trim().split(/\r?\n/)
  const names = head.split(',')
  const rows = lines.map((line) => line.split(','))
  const of = (name: string) => sum(rows.map((row) => Number(row[names.indexOf(name)])))
  return toSums([rows.length, ...columns.map(of)])
}

/** Counters since the gateway started; what was there before them is added. */
const inMetrics = async (before: Sums): Promise<Sums> => {
  const page = readPage(await get('/metrics'))
  const tokens = (type: string) => total(page, 'postern_tokens_total', { type })
  const bytes = (direction: string) => total(page, 'postern_body_bytes_total', { direction })
  return {
    requests: before.requests + total(page, 'postern_requests_total'),
    input_tokens: before.input_tokens + tokens('input'),
    output_tokens: before.output_tokens + tokens('output'),
    cost_nanousd: before.cost_nanousd + Math.round(total(page, 'postern_cost_usd_total') * 1e9),
    bytes_in: before.bytes_in + bytes('in'),
    bytes_out: before.bytes_out + bytes('out'),
  }
}

it('rows, sums, exports and counters are the same after faults of every kind and kill -9', {
  timeout: 1_200_000,
}, async () => {
  await prepare()
  let gateway = await start()
  const killedAt: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const death = new AbortController()
    const playing = playOn(Number.POSITIVE_INFINITY, death.signal)
    await sleep(1500 + roll(700))
    await gateway.kill()
    killedAt.push(performance.now())
    death.abort()
    await playing
    gateway = await start()
  }
  const before = await inDatabase()
  await playOn(next + REQUESTS, new AbortController().signal)

  // What is still on its way to the database is there a moment later.
  const missing = async () => (await inMetrics(before)).requests - (await inDatabase()).requests
  await expect.poll(missing, { timeout: 10_000 }).toBe(0)
  const rows = await inDatabase()
  expect(await inApi()).toEqual(rows)
  expect(await inGroups()).toEqual(rows)
  expect(await inNdjson()).toEqual(rows)
  expect(await inCsv()).toEqual(rows)
  expect(await inMetrics(before)).toEqual(rows)

  const kept = (await query(
    dir,
    'SELECT label, status, outcome, input_tokens, output_tokens, tokens_source, cost_nanousd FROM usage',
  )) as [string, number, string, number, number, string, number | null][]
  const byLabel = new Map(kept.map((row) => [row[0], row]))
  expect(byLabel.size).toBe(kept.length)
  for (const [label, status, outcome, input, output, source, cost] of kept) {
    const truth = truths.get(label)
    expect(truth).toBeDefined()
    if (truth?.status !== undefined) expect([label, status]).toEqual([label, truth.status])
    if (outcome !== 'ok' || status !== 200) continue
    const told = counts(label)
    expect([label, source, input, output]).toEqual([label, 'reported', told.input, told.output])
    expect([label, cost]).toEqual([label, told.input * 1_000_000 + told.output * 2_000_000])
  }
  const lost = [...truths].flatMap(([label, { endedAt, status }]) => {
    if (endedAt === undefined || byLabel.has(label)) return []
    const before = Math.min(...killedAt.map((at) => (at > endedAt ? at - endedAt : Infinity)))
    return before < SETTLED_MS ? [] : [{ label, status, before }]
  })
  expect(lost).toEqual([])
  await gateway.kill()
})
