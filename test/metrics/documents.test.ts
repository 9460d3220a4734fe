import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createPlatform } from '../../src/adapter/node/platform.ts'
import { createProcessMetrics } from '../../src/adapter/node/process-metrics.ts'
import { format } from '../../src/admin/metrics/text.ts'
import { metricFamilies } from '../../src/app/metrics.ts'
import { createState } from '../../src/app/state.ts'
import type { Family } from '../../src/platform/metric.ts'
import { readPage } from '../support/prometheus.ts'
import { memoryStore } from '../support/store.ts'

const neverAsked = (): never => {
  throw new Error('not asked')
}
const counters = { waiting: 0, waitingBytes: 0, journaled: 0, shed: 0 }
const unused = async () => 0
/** With everything that a metric is about. */
const platform = createPlatform({
  shared: {
    take: unused,
    fail: unused,
    forget: async () => {},
    announce: async () => {},
    onBan: () => {},
    trouble: () => undefined,
  },
  store: memoryStore(),
  passwords: { verify: neverAsked },
  send: neverAsked,
  log: () => {},
  processMetrics: createProcessMetrics({ counters: () => counters }),
})
const state = createState(platform, { providers: () => [], lookAgain: async () => false })
const families: readonly Family[] = metricFamilies(platform, state)()

/** As queries name them: a histogram has three. */
const names = new Map(
  families.flatMap((family) =>
    family.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => [family.name + suffix, family] as const)
      : [[family.name, family] as const],
  ),
)
const metric = /\b(?:postern|process|nodejs)_[a-z0-9_]+\b/g
const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

interface Dashboard {
  readonly panels: readonly { title: string; targets?: readonly { expr: string }[] }[]
  readonly templating: { readonly list: readonly { query: string | { query: string } }[] }
}
const dashboard = JSON.parse(read('../../deploy/grafana/postern.json')) as Dashboard
const panels = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const variables = dashboard.templating.list.map(({ query }) =>
  typeof query === 'string' ? query : query.query,
)

describe('the metrics of a host', () => {
  it('make a page that can be read before anything happened', () => {
    expect(readPage(format(families)).length).toBeGreaterThan(10)
  })

  it('are named as Prometheus wants it', () => {
    for (const { name, type } of families) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
    }
  })

  it('are each in the manual, and the manual has no other', () => {
    const manual = read('../../docs/metrics.md')
    const table = manual.split('\n').filter((line) => line.startsWith('| `'))
    const documented = table.flatMap((line) => line.split('|')[1]?.match(metric) ?? [])
    expect(documented.toSorted((a, b) => a.localeCompare(b))).toEqual(
      families.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b)),
    )
    const alarms = manual.match(/expr: .+/g)?.flatMap((line) => line.match(metric) ?? []) ?? []
    expect(alarms.length).toBeGreaterThan(3)
    expect(alarms.filter((name) => !names.has(name))).toEqual([])
  })
})

describe('the Grafana dashboard', () => {
  it('asks only for metrics there are, and for all of them', () => {
    const asked = new Set([...panels, ...variables].flatMap((expr) => expr.match(metric) ?? []))
    expect([...asked].filter((name) => !names.has(name))).toEqual([])
    const shown = new Set([...asked].map((name) => names.get(name)?.name))
    expect(families.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([])
  })

  it('takes rates of counters only', () => {
    const rated = panels.flatMap((expr) =>
      [...expr.matchAll(/(?:rate|increase)\(([a-z0-9_]+)/g)].map(([, name = '']) => name),
    )
    expect(rated.length).toBeGreaterThan(10)
    expect(rated.filter((name) => names.get(name)?.type === 'gauge')).toEqual([])
  })
})
