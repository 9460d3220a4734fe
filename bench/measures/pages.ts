import { setTimeout as sleep } from 'node:timers/promises'
import { paced } from '../load/paced.ts'
import { median, type Percentiles } from '../load/samples.ts'
import { person } from '../peers/person.ts'
import type { Running } from '../peers/running.ts'
import type { PagesResult } from '../result.ts'
import { rows } from './ledger.ts'

const rounds = 5
const seconds = 8
/** As busy as the ledger says it was all year would be 0.03; this is a team at work. */
const perSecond = 100
/** Between two pages: of several people who look at once, or of one in a hurry. */
const pauseMs = 250

/** Every page with a long ledger behind it, and what a caller of a model feels of who looks at them all. */
export const measurePages = async (running: Running): Promise<PagesResult> => {
  const { origin } = new URL(running.url)
  const times = new Map<string, number[]>()
  const visit = async (path: string): Promise<string> => {
    const from = performance.now()
    const answer = await fetch(origin + path, { headers: { authorization: person.basic } })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}: ${text}`)
    times.set(path, [...(times.get(path) ?? []), performance.now() - from])
    return text
  }
  const paths = await pathsOf(visit)
  for (const path of paths) await visit(path)
  await load(running, 10)
  times.clear()
  const alone: Percentiles[] = []
  const beside: Percentiles[] = []
  let next = 0
  for (let round = 0; round < rounds; round++) {
    alone.push(await load(running, seconds))
    let over = false
    const loaded = load(running, seconds).finally(() => {
      over = true
    })
    while (!over) {
      await visit(paths[next++ % paths.length] ?? '/ui')
      await sleep(pauseMs)
    }
    beside.push(await loaded)
  }
  while (times.size < paths.length) await visit(paths[next++ % paths.length] ?? '/ui')
  const all = [...times].map(([path, each]) => ({
    path,
    p50: median(each),
    max: Math.max(...each),
  }))
  const [slowest = { path: '', p50: 0, max: 0 }] = all.toSorted((a, b) => b.max - a.max)
  return {
    rows,
    pages: all.length,
    slowest,
    slow: all.filter(({ max }) => max > 200).length,
    alone: middle(alone),
    beside: middle(beside),
  }
}

const load = ({ url, headers }: Running, time: number): Promise<Percentiles> =>
  paced({ url, headers, perSecond, seconds: time })

const middle = (results: readonly Percentiles[]) => ({
  p50: median(results.map(({ p50 }) => p50)),
  p99: median(results.map(({ p99 }) => p99)),
})

/** What the menu leads to, the longer ranges, searches, and a request in full. */
const pathsOf = async (visit: (path: string) => Promise<string>): Promise<string[]> => {
  const home = await visit('/ui')
  const menu = [...home.matchAll(/href="(\/ui(?:\/[a-z]+)?)"/g)].map(([, path = '']) => path)
  const requests = await visit('/ui/requests?range=1y')
  const one = requests.match(/href="(\/ui\/requests\/[0-9a-f-]{36})/)?.[1]
  if (one === undefined) throw new Error('no request is listed')
  const ranges = ['1h', '7d', '30d', '90d', '1y'].map((range) => `/ui/overview?range=${range}`)
  const searches = ['model=model-3', 'status=502', 'text=model-7'].map(
    (search) => `/ui/requests?range=1y&${search}`,
  )
  return [...new Set([...menu, ...ranges, ...searches, '/ui/requests?range=1y', one])]
}
