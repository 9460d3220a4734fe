import { describe, expect, it } from 'vitest'
import { buildQuotas } from '../../src/config/build/quotas.ts'
import { chainsOf, nameOf } from '../../src/gateway/quota/names.ts'

const quotas = buildQuotas({
  'day:<user>': { capacity: '$1.00' },
  'dev:<node>': { capacity: '$1.00' },
  team: { capacity: '$1.00' },
})
const alice = { login: 'alice@example.com', credentialId: 'alice' }
const ref = (bucket: string, ...overdraft: string[]) => ({ bucket, overdraft })

const names = (
  refs: readonly ReturnType<typeof ref>[],
  caller: Parameters<typeof chainsOf>[1] = alice,
) => chainsOf([{ quotas: refs }], caller, quotas).map((chain) => chain.map(nameOf))

describe('what a request is charged to', () => {
  it('is named after who asks', () => {
    expect(names([ref('day:<user>'), ref('team')])).toEqual([['day:alice@example.com'], ['team']])
  })

  it('goes by the stable id of the node, whatever it is called, and by login without one', () => {
    const laptop = { ...alice, nodeId: 'nABC', node: 'laptop' }
    expect(names([ref('dev:<node>')], laptop)).toEqual([['dev:nABC']])
    expect(names([ref('dev:<node>')], { ...laptop, node: 'renamed' })).toEqual([['dev:nABC']])
    expect(names([ref('dev:<node>')], { ...alice, node: 'laptop' })).toEqual([['dev:laptop']])
    expect(names([ref('dev:<node>')])).toEqual([['dev:alice@example.com']])
  })

  it('is charged once where several entries name it, and borrows where one of them lets it', () => {
    expect(names([ref('day:<user>'), ref('day:<user>', 'team'), ref('day:<user>')])).toEqual([
      ['day:alice@example.com', 'team'],
    ])
  })

  it('never lends to itself', () => {
    expect(names([ref('team', 'team')])).toEqual([['team']])
  })

  it('takes in the budgets of the keys that were shown', () => {
    const limits = { quota: { capacity: '$5.00' } }
    const through = { ...alice, kind: 'key', groups: [], credentialId: 'k2', limits } as const
    expect(names([], { ...alice, credentialId: 'k1', limits, through })).toEqual([
      ['(key):k1'],
      ['(key):k2'],
    ])
  })
})
