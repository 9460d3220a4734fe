import { writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { UsageRow } from '../../src/platform/records/usage.ts'
import { dataDir, store, usageRow } from '../store/fixtures.ts'
import { startLibsqlServer } from '../support/libsql-server.ts'
import { postern } from './ledger-commands.ts'

const DAY = 24 * 60 * 60 * 1000

const ledger = async (rows: readonly Partial<UsageRow>[]): Promise<string> => {
  const dir = dataDir()
  const writer = await store({ dataDir: dir })
  const now = { startedAt: Date.now() }
  await Promise.all(rows.map((row) => writer.recordUsage(usageRow({ ...now, ...row }))))
  await writer.close()
  return dir
}

describe('postern usage', () => {
  it('prints an aligned table with totals', async () => {
    const dir = await ledger([
      { costNanousd: 1_500_000_000 },
      {},
      { login: 'bob', status: 502, outcome: 'upstream_error' },
      { login: 'bob', status: 429, outcome: 'rejected' },
    ])
    const { out } = await postern(dir, 'usage', '--since', 'all')
    expect(out).toBe(
      [
        'Since the beginning',
        'USER               REQUESTS  ERRORS  REFUSED  INPUT  OUTPUT  CACHED     COST  TIME',
        'alice@example.com         2       0        0     20      40       6  $1.5000  0.7s',
        'bob                       2       1        1     20      40       6        -  0.7s',
        'total                     4       1        1     40      80      12  $1.5000  1.4s\n',
      ].join('\n'),
    )
  })

  it('sums up by outcome and by error code', async () => {
    const dir = await ledger([
      {},
      { status: 502, outcome: 'upstream_error', errorCode: 'overloaded_error' },
      { status: 429, outcome: 'rejected', errorCode: 'rate_limited' },
      { status: 429, outcome: 'rejected', errorCode: 'quota_exceeded' },
    ])
    const groups = async (by: string) => {
      const { out } = await postern(dir, 'usage', '--since', 'all', '--by', by, '--json')
      return (JSON.parse(out) as { groups: Record<string, unknown>[] }).groups
    }
    expect(await groups('outcome')).toMatchObject([
      { outcome: 'rejected', requests: 2, refused: 2, errors: 0 },
      { outcome: 'ok', requests: 1 },
      { outcome: 'upstream_error', requests: 1, errors: 1 },
    ])
    expect((await groups('error_code')).map(({ error_code }) => error_code)).toEqual([
      '',
      'overloaded_error',
      'quota_exceeded',
      'rate_limited',
    ])
    const { out } = await postern(dir, 'usage', '--since', 'all', '--rows')
    expect(out).toContain('overloaded_error')
    const flags = ['export', '--format', 'ndjson', '--error-code', 'rate_limited']
    const found = (await postern(dir, 'usage', ...flags)).out.trim().split('\n')
    expect(found.map((line) => JSON.parse(line))).toMatchObject([{ error_code: 'rate_limited' }])
  })

  it('has one line for a model, by whichever name it was asked for', async () => {
    const dir = await ledger([
      { model: 'qwen3', provider: 'gpu', upstreamModel: 'qwen3' },
      { model: 'gpu/qwen3', provider: 'gpu', upstreamModel: 'qwen3' },
      { model: 'gpu/qwen3', provider: null, upstreamModel: 'qwen3', outcome: 'rejected' },
    ])
    const { out } = await postern(dir, 'usage', '--by', 'model', '--since', 'all', '--json')
    expect(JSON.parse(out)).toMatchObject({ groups: [{ model: 'qwen3', requests: 3, refused: 1 }] })
  })

  it('counts the last seven days unless it is told otherwise', async () => {
    const dir = await ledger([{}, { startedAt: Date.now() - 8 * DAY }])
    const requests = async (...flags: string[]): Promise<number> => {
      const { out } = await postern(dir, 'usage', '--json', ...flags)
      return (JSON.parse(out) as { total: { requests: number } }).total.requests
    }
    expect(await requests()).toBe(1)
    expect(await requests('--since', '9d')).toBe(2)
    expect(await requests('--since', 'all')).toBe(2)
    expect(
      await requests('--since', `${new Date().getUTCFullYear()}-01-01T00:00:00Z`),
    ).toBeGreaterThan(0)
  })

  it('totals all groups, also those beyond the limit', async () => {
    const dir = await ledger([{ model: 'a' }, { model: 'a' }, { model: 'b' }])
    const { out } = await postern(dir, 'usage', '--by', 'model', '--limit', '1', '--json')
    expect(JSON.parse(out)).toMatchObject({
      by: 'model',
      groups: [{ model: 'a', requests: 2 }],
      total: { requests: 3, input_tokens: 30 },
    })
  })

  it('says what the same tokens would have cost at a cloud, by flag or by configuration', async () => {
    const dir = await ledger([
      { model: 'a', inputTokens: 1_000_000, cachedTokens: 0, outputTokens: 100_000 },
      { model: 'b', inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 },
    ])
    const flags = ['--since', 'all', '--by', 'model']
    expect((await postern(dir, 'usage', ...flags)).out).not.toContain('would have cost')
    const named = await postern(dir, 'usage', ...flags, '--compare', 'anthropic/claude-sonnet-4-6')
    // 1 M × $3 and 0.1 M × $15: not the rate of a prompt that is as long as the sum.
    expect(named.out).toContain('would have cost $4.5000 at anthropic/claude-sonnet-4-6.\n')
    const none = await postern(dir, 'usage', ...flags, '--compare', 'nobody/has-it')
    expect(none.out).toContain('No list of prices has nobody/has-it.\n')
    const config = JSON.stringify({ compare_with: 'anthropic/claude-sonnet-4-5' })
    writeFileSync(`${dir}/postern.hujson`, config)
    expect((await postern(dir, 'usage', ...flags)).out).toContain('cost $4.5000 at')
    const { out } = await postern(dir, 'usage', ...flags, '--json')
    expect(JSON.parse(out)).toMatchObject({
      compared_with: 'anthropic/claude-sonnet-4-5',
      groups: [{ compared_nanousd: 4_500_000_000 }, { compared_nanousd: 0 }],
      total: { compared_nanousd: 4_500_000_000 },
    })
    const csv = (await postern(dir, 'usage', ...flags, '--csv')).out.split('\r\n')
    expect(csv[0]).toMatch(/,compared_nanousd$/)
    expect(csv[1]).toMatch(/,4500000000$/)
  })

  it('lets no control character of a stranger reach the terminal', async () => {
    const dir = await ledger([{ model: '\u001b]0;x\u0007evil\n\u202eknil\u2028' }])
    for (const flags of [['--by', 'model'], ['--rows']]) {
      const { out } = await postern(dir, 'usage', ...flags)
      expect(out).toContain('evil')
      expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e\u2028]/u)
    }
  })

  it('disarms formulas in CSV', async () => {
    const dir = await ledger([{ model: '=HYPERLINK("http://evil","x")' }, { model: '@a,b' }])
    const { out } = await postern(dir, 'usage', '--by', 'model', '--csv')
    expect(out).toContain(`"'=HYPERLINK(""http://evil"",""x"")",1,`)
    expect(out).toContain(`"'@a,b",1,`)
  })

  it('exports every row and column under the names of the ledger', async () => {
    const rows = Array.from({ length: 1500 }, (_, at) => ({ id: `id-${at}`, startedAt: 1000 + at }))
    const dir = await ledger(rows)
    const json = await postern(dir, 'usage', '--rows', '--since', 'all', '--json')
    const records = JSON.parse(json.out) as Record<string, unknown>[]
    expect(records).toHaveLength(1500)
    expect(new Set(records.map(({ id }) => id)).size).toBe(1500)
    expect(records[0]).toMatchObject({
      id: 'id-1499',
      started_at: '1970-01-01T00:00:02.499Z',
      tokens_source: 'reported',
      cost_nanousd: null,
    })
    const csv = await postern(dir, 'usage', '--rows', '--since', 'all', '--csv')
    const [header, ...lines] = csv.out.trimEnd().split('\r\n')
    expect(header?.split(',')).toEqual(Object.keys(records[0] ?? {}))
    expect(lines).toHaveLength(1500)
  })

  it('exports what is asked for as the API does', async () => {
    const dir = await ledger([
      { id: 'a', model: '=1+1', startedAt: Date.now() - 9 * DAY },
      { id: 'b', status: 502, outcome: 'upstream_error' },
    ])
    const csv = await postern(dir, 'usage', 'export')
    expect(csv.out.split('\r\n')).toHaveLength(4)
    expect(csv.out).toContain(",'=1+1,")
    const ndjson = async (...flags: string[]) =>
      (await postern(dir, 'usage', 'export', '--format', 'ndjson', ...flags)).out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id)
    expect(await ndjson()).toEqual(['b', 'a'])
    expect(await ndjson('--since', '7d')).toEqual(['b'])
    expect(await ndjson('--until', '7d')).toEqual(['a'])
    expect(await ndjson('--outcome', 'upstream_error', '--status', '502')).toEqual(['b'])
    expect(await postern(dir, 'usage', 'export', '--status', 'x')).toMatchObject({ code: 2 })
  })

  it('prints an empty list as JSON when nothing matches', async () => {
    const { out } = await postern(await ledger([]), 'usage', '--rows', '--json')
    expect(JSON.parse(out)).toEqual([])
  })

  it('reads the server that the configuration names', async () => {
    const server = await startLibsqlServer({ authToken: 'token-of-the-ledger' })
    onTestFinished(() => server.close())
    const dir = dataDir()
    const database = { url: server.url, auth_token: 'env:POSTERN_TEST_TOKEN' }
    writeFileSync(`${dir}/postern.hujson`, JSON.stringify({ database }), { mode: 0o600 })
    process.env.POSTERN_TEST_TOKEN = 'token-of-the-ledger'
    onTestFinished(() => {
      delete process.env.POSTERN_TEST_TOKEN
    })
    const authToken = 'token-of-the-ledger'
    const writer = await store({ dataDir: dir, url: server.url, authToken })
    await writer.recordUsage(usageRow())
    const { out, error } = await postern(dir, 'usage', '--since', 'all', '--by', 'none', '--csv')
    expect(error).toBe('')
    expect(out.split('\r\n')[1]).toMatch(/^1,0,10,20,/)
  })

  it.each([
    ['--by', 'password'],
    ['--since', 'yesterday'],
    ['--limit', '0'],
    ['--csv', '--json'],
    ['--nonsense'],
  ])('calls %s %s wrong usage', async (...flags) => {
    expect(await postern(dataDir(), 'usage', ...flags)).toMatchObject({ code: 2 })
  })

  it('fails with the reason when the configuration cannot be read', async () => {
    const dir = await ledger([])
    writeFileSync(`${dir}/postern.hujson`, '{ nonsense')
    const { code, error } = await postern(dir, 'usage')
    expect([code, error]).toEqual([1, expect.stringContaining('postern.hujson:1')])
  })
})
