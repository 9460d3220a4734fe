import { describe, expect, it } from 'vitest'
import { buildQuotas } from '../../src/config/build/quotas.ts'
import type { QuotaConfig } from '../../src/config/config.ts'
import type { Offer } from '../../src/gateway/quota/decide.ts'
import { QuotaLedger } from '../../src/gateway/quota/ledger.ts'
import type { Balance, Charge, KeptQuotas, Refill } from '../../src/platform/records/balance.ts'
import { usageRow } from '../store/fixtures.ts'
import { fakeClock } from '../support/clock.ts'
import { memoryStore } from '../support/store.ts'

const quotas = (file: Record<string, { capacity: string; rate?: string }>) =>
  buildQuotas(file) as ReadonlyMap<string, QuotaConfig>

const team = quotas({ team: { capacity: '$1.00' } })

const kept = (changes: Partial<Balance> = {}): Balance => ({
  quota: 'team',
  holder: '',
  unit: 'dollars',
  balance: 400_000_000,
  spent: 600_000_000,
  capacity: 1_000_000_000,
  rate: 0,
  at: 0,
  ...changes,
})

const offer = (dollars: number, ...names: string[]): Offer => ({
  provider: 'p',
  model: 'm',
  price: 'known',
  amounts: { dollars, tokens: 10, requests: 1, compute: 10, concurrent: 1 },
  chains: (names.length > 0 ? names : ['team']).map((quota) => [{ quota, holder: '' }]),
})

const row = (requestId: string, costNanousd: number | null) =>
  usageRow({ requestId, provider: 'p', upstreamModel: 'm', costNanousd })

/** A ledger whose database tells when the test says so. */
const start = (shared = false) => {
  const clock = fakeClock()
  const reads: PromiseWithResolvers<KeptQuotas>[] = []
  const asked: unknown[] = []
  const store = {
    ...memoryStore(),
    shared,
    ask: ((_name: string, asks: unknown) => {
      const read = Promise.withResolvers<KeptQuotas>()
      reads.push(read)
      asked.push(asks)
      return read.promise
    }) as never,
  }
  const listeners: Parameters<typeof store.onQuotas>[0][] = []
  store.onQuotas = (listener) => void listeners.push(listener)
  const logged: string[] = []
  const ledger = new QuotaLedger({
    clock,
    store,
    log: (_level, evt) => void logged.push(evt),
    waitUntil: (work) => void work.catch(() => {}),
  })
  const tell = (balances: readonly Balance[], refills: readonly Refill[] = []) => {
    for (const { kept: take } of listeners) take({ balances, refills })
  }
  const left = () => ledger.show([{ quota: 'team', holder: '' }])[0]?.balance
  const pay = (id: string, amount: number): readonly Charge[] => {
    ledger.reserve(id, [offer(amount)])
    return ledger.settle(row(id, amount))
  }
  return { ledger, store, clock, reads, asked, tell, left, pay, logged }
}

describe('the ledger of quotas', () => {
  it('goes on where the last gateway stopped, with what flowed in since', () => {
    const { ledger, clock, tell, left } = start()
    ledger.use(quotas({ team: { capacity: '$1.00', rate: '$0.06/min' } }))
    tell([kept({ at: clock.now() - 100_000 })])
    expect(left()).toBe(500_000_000)
  })

  it('lets nothing flow in for a time that is still to come', () => {
    const { ledger, clock, tell, left } = start()
    ledger.use(quotas({ team: { capacity: '$1.00', rate: '$0.06/min' } }))
    tell([kept({ at: clock.now() + 100_000 })])
    expect(left()).toBe(400_000_000)
  })

  it('takes what was told before there was a configuration', () => {
    const { ledger, tell, left } = start()
    tell([kept()])
    ledger.use(team)
    expect(left()).toBe(400_000_000)
  })

  it('counts what was charged before the database could tell, and is not told it twice', () => {
    const { ledger, tell, left, pay } = start()
    ledger.use(team)
    const [early, late] = [pay('a', 50_000_000), pay('b', 70_000_000)]
    expect(early).toMatchObject([{ amount: 50_000_000 }])
    ledger.saved(early)
    // The first is in the database by now, the second not yet.
    tell([kept({ balance: 350_000_000 })])
    expect(left()).toBe(280_000_000)
    tell([kept()])
    expect(left()).toBe(280_000_000)
    ledger.saved(late)
  })

  it('caps what it is told by the definition in force, and drops what has none', () => {
    const { ledger, store, tell, left } = start()
    ledger.use(quotas({ team: { capacity: '$0.25' } }))
    tell([kept(), kept({ quota: 'old' })])
    expect(left()).toBe(250_000_000)
    expect(store.quotaChanges).toEqual([{ dropped: ['old'] }])
  })

  it('goes on with what a device had left when it was known by its name', () => {
    const { ledger, tell } = start()
    const quota = 'dev:<node>'
    ledger.use(quotas({ [quota]: { capacity: '$1.00' } }))
    tell([kept({ quota, holder: 'laptop' }), kept({ quota, holder: 'tablet' })])
    const ref = { quota, holder: 'nLaptop', formerly: 'laptop' }
    expect(ledger.show([ref])).toMatchObject([{ bucket: 'dev:nLaptop', balance: 400_000_000 }])
    const chains = [[ref]]
    ledger.reserve('a', [{ ...offer(1), chains }])
    expect(ledger.settle(row('a', 1))).toMatchObject([{ holder: 'nLaptop', formerly: 'laptop' }])
    expect(ledger.refs().map(({ holder }) => holder)).toEqual(['tablet', 'nLaptop'])
    // Another device that is called so later has a bucket of its own.
    const next = { quota, holder: 'nOther', formerly: 'laptop' }
    expect(ledger.show([next])).toMatchObject([{ balance: 1_000_000_000 }])
  })

  it('takes a bucket that counted something else for a new one', () => {
    const { ledger, tell, left } = start()
    ledger.use(team)
    tell([kept({ unit: 'tokens', balance: 3 })])
    expect(left()).toBe(1_000_000_000)
  })

  it('keeps what it is told of a quota that cannot be read, until it can be', () => {
    const { ledger, tell, left } = start()
    ledger.use(quotas({ team: { capacity: 'a dollar' } }))
    tell([kept()])
    expect(ledger.reserve('a', [offer(1)]).refused).toMatchObject({ why: 'closed' })
    ledger.use(team)
    expect(left()).toBe(400_000_000)
  })

  it('knows the budget of a key before the key was used', () => {
    const { ledger, clock, tell } = start()
    ledger.use(new Map())
    tell([kept({ quota: '(key)', holder: 'k1', rate: 1 / 86.4, at: clock.now() })])
    expect(ledger.show(ledger.refs())).toMatchObject([
      { bucket: '(key):k1', balance: 400_000_000, rate: '$0.001/day' },
    ])
  })

  it('settles a request once, and one that it never saw not at all', () => {
    const { ledger, left, pay } = start()
    ledger.use(team)
    expect(pay('a', 100)).toHaveLength(1)
    expect(ledger.settle(row('a', 100))).toEqual([])
    expect(ledger.settle(row('never', 100))).toEqual([])
    expect(left()).toBe(999_999_900)
  })

  it('charges the estimate where the price is known and the work cannot be counted', () => {
    const { ledger, left } = start()
    ledger.use(team)
    ledger.reserve('a', [offer(300)])
    ledger.settle(row('a', null))
    expect(left()).toBe(999_999_700)
  })

  it('charges a bucket once that two chains lead to', () => {
    const { ledger, left } = start()
    ledger.use(quotas({ team: { capacity: '$1.00' }, day: { capacity: '$0.00' } }))
    const both: Offer = {
      ...offer(300),
      chains: [
        [{ quota: 'team', holder: '' }],
        [
          { quota: 'day', holder: '' },
          { quota: 'team', holder: '' },
        ],
      ],
    }
    ledger.reserve('a', [both])
    expect(ledger.settle(row('a', 300))).toMatchObject([{ quota: 'team', amount: 300 }])
    expect(left()).toBe(999_999_700)
  })

  it('does a refill once, though the thread that tells of it is started again', () => {
    const { ledger, store, tell, left } = start()
    ledger.use(team)
    const refill = { id: 'r', quota: 'team', holder: '', amount: 50_000_000, at: 0 }
    tell([kept()], [refill])
    tell([kept()], [refill])
    expect(left()).toBe(450_000_000)
    expect(store.quotaChanges).toMatchObject([{ refilled: [{ id: 'r' }] }])
  })
})

describe('where others charge the same buckets', () => {
  it('the first request waits for what is left, and later ones do not', async () => {
    const { ledger, clock, reads, left } = start(true)
    ledger.use(team)
    let ready = false
    const first = ledger.ready().then(() => {
      ready = true
    })
    await Promise.resolve()
    expect([reads.length, ready]).toEqual([1, false])
    reads[0]?.resolve({ balances: [kept()], refills: [] })
    await first
    expect(left()).toBe(400_000_000)
    await ledger.ready()
    expect(reads).toHaveLength(1)
    clock.advance(5000)
    await ledger.ready()
    expect(reads).toHaveLength(2)
    reads[1]?.resolve({ balances: [kept({ balance: 300_000_000 })], refills: [] })
    await expect.poll(left).toBe(300_000_000)
  })

  it('counts what was charged here and may not be in the answer', async () => {
    const { ledger, clock, reads, left, pay } = start(true)
    ledger.use(team)
    const ready = ledger.ready()
    reads[0]?.resolve({ balances: [kept()], refills: [] })
    await ready
    const saved = pay('saved', 10)
    ledger.saved(saved)
    pay('waiting', 20)
    clock.advance(5000)
    void ledger.ready()
    const meanwhile = pay('meanwhile', 40)
    ledger.saved(meanwhile)
    reads[1]?.resolve({ balances: [kept({ balance: 400_000_000 - 10 })], refills: [] })
    await expect.poll(left).toBe(400_000_000 - 70)
  })

  it('asks for what changed lately only, with room for clocks that differ', async () => {
    const { ledger, clock, reads, asked } = start(true)
    ledger.use(team)
    const began = clock.now()
    const ready = ledger.ready()
    reads[0]?.resolve({ balances: [], refills: [] })
    await ready
    clock.advance(5000)
    await ledger.ready()
    expect(asked).toEqual([{ since: 0 }, { since: began - 300_000 }])
  })

  it('decides with what it knows when the database does not answer', async () => {
    const { ledger, reads, left, logged } = start(true)
    ledger.use(team)
    const ready = ledger.ready()
    reads[0]?.reject(new Error('away'))
    await ready
    expect([left(), logged]).toEqual([1_000_000_000, ['quota.not_read']])
  })

  it('leaves quotas alone that only others know', async () => {
    const { ledger, store, reads } = start(true)
    ledger.use(team)
    const ready = ledger.ready()
    reads[0]?.resolve({ balances: [kept({ quota: 'newer' })], refills: [] })
    await ready
    expect(store.quotaChanges).toEqual([])
  })
})
