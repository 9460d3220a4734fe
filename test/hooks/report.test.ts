import { describe, expect, it } from 'vitest'
import type { HookConfig } from '../../src/config/config.ts'
import type { Deliveries, Delivery } from '../../src/gateway/hooks/deliveries.ts'
import { Report } from '../../src/gateway/hooks/report.ts'
import type { HookUse } from '../../src/gateway/hooks/uses.ts'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { usageRow } from '../store/fixtures.ts'
import { provider } from '../upstream/provider.ts'

const candidate = { provider: provider('p', ['m']), model: 'm' }
const uses: readonly HookUse[] = [
  {
    hook: { name: 'audit' } as HookConfig,
    events: new Set(['entire_request']),
    send: new Set(['estimated_cost']),
  },
]

/** What a hook is told of the cost of a request whose line in the ledger is this. */
const told = async (line: Partial<UsageRow>) => {
  const kept: number[] = []
  let making: Promise<readonly Delivery[]> | undefined
  const deliveries: Deliveries = {
    use: () => {},
    reserve: (bytes) => kept.push(bytes) > 0,
    release: () => {},
    later: (make) => {
      making = make()
    },
    drain: async () => {},
    counts: { delivered: 0, failed: 0, dropped: 0 },
  }
  const report = new Report({
    deliveries,
    newId: () => 'id',
    log: () => {},
    requestId: 'r',
    usesFor: () => uses,
    factsFor: () => ({
      metadata: {
        login_name: 'alice',
        user_agent: '',
        url: '/',
        model: 'm',
        provider: 'p',
        tailnet_name: '',
        stable_node_id: '',
        request_id: 'r',
        session_id: '',
      },
      body: undefined,
      grants: new Map(),
      quotas: {},
    }),
    line: async () => usageRow(line),
  })
  const watch = report.tap(
    candidate,
    { status: 200, headers: [] },
    { push: (chunk) => chunk, flush: () => null, done: () => {} },
  )
  watch.push(new TextEncoder().encode('{}'))
  watch.done('ok')
  const [delivery] = (await making) ?? []
  const body = JSON.parse(new TextDecoder().decode(delivery?.body)) as {
    metadata: { estimated_cost: unknown }
  }
  return { cost: body.metadata.estimated_cost, kept }
}

describe('a hook that asks for the cost', () => {
  it('is told what the ledger says', async () => {
    const line = {
      costNanousd: 12_300_000,
      costBasis: 'anthropic/claude-sonnet-4-6',
      inputTokens: 1200,
      outputTokens: 300,
      cachedTokens: 900,
      reasoningTokens: 0,
      cacheWriteTokens: 7,
      webSearches: 2,
    }
    expect((await told(line)).cost).toEqual({
      dollars: 0.0123,
      cost_basis: 'anthropic/claude-sonnet-4-6',
      usage: {
        input_tokens: 1200,
        output_tokens: 300,
        cached_tokens: 900,
        reasoning_tokens: 0,
        cache_creation_input_tokens: 7,
        web_search_count: 2,
      },
    })
  })

  it('is told null, and not zero, where nobody knows it', async () => {
    expect((await told({ costNanousd: null, costBasis: null })).cost).toMatchObject({
      dollars: null,
      cost_basis: '',
    })
    expect((await told({ costNanousd: 0 })).cost).toMatchObject({ dollars: 0 })
  })

  it('needs nothing of the answer for that', async () => {
    expect((await told({})).kept).toEqual([])
  })
})
