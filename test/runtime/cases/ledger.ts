import type { Row } from '@libsql/client'
import { expect, it } from 'vitest'
import { ask, BOB, basic, chat, eventually } from '../requests.ts'
import type { Bench } from '../suite.ts'

/** The ledger's row for a request, once it is there. */
export const rowOf = async (bench: Bench, requestId: string | null): Promise<Row> => {
  let rows: readonly Row[] = []
  await eventually(async () => {
    const found = await bench.gateway.database.execute({
      sql: 'SELECT * FROM usage WHERE request_id = ?',
      args: [requestId],
    })
    rows = found.rows
    return rows.length
  }).toBe(1)
  return rows[0]!
}

/** What is written down. */
export const ledgerCases = (bench: Bench): void => {
  it('writes a row with the tokens that the upstream reported', async () => {
    const response = await chat(bench, { model: 'fake-model', stream: true })
    const length = (await response.arrayBuffer()).byteLength
    expect(await rowOf(bench, response.headers.get('x-request-id'))).toMatchObject({
      login: 'alice@example.com',
      kind: 'password',
      credential_id: 'alice',
      door: 'public',
      client_ip: '203.0.113.7',
      dialect: 'openai_chat',
      route: '/v1/chat/completions',
      model: 'fake-model',
      provider: 'local',
      upstream_model: 'fake-model',
      status: 200,
      outcome: 'ok',
      input_tokens: 11,
      output_tokens: 6,
      cached_tokens: 3,
      reasoning_tokens: 2,
      tokens_source: 'reported',
      bytes_out: length,
    })
  })

  it('writes a row for a request that was refused after its caller was known', async () => {
    const response = await ask(bench, '/v1/models', { headers: BOB })
    const row = await rowOf(bench, response.headers.get('x-request-id'))
    expect(row).toMatchObject({ login: 'bob', outcome: 'rejected', status: 403 })
  })

  it('writes a refused attempt to its own table, with the name that was tried', async () => {
    const response = await ask(bench, '/v1/models', {
      from: '198.51.100.20',
      headers: { authorization: basic('mallory', 'guess') },
    })
    const requestId = response.headers.get('x-request-id')
    await eventually(async () => {
      const sql = 'SELECT user, reason, client_ip FROM auth_failures WHERE request_id = ?'
      const { rows } = await bench.gateway.database.execute({ sql, args: [requestId] })
      return rows.map(({ user, reason, client_ip }) => [user, reason, client_ip])
    }).toEqual([['mallory', 'unknown_user', '198.51.100.20']])
  })
}
