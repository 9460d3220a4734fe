import { type Client, createClient } from '@libsql/client/web'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LibsqlServer, startLibsqlServer } from './libsql-server.ts'

// Everything here goes through the client the Workers adapter uses, so that its expectations are the specification.

let server: LibsqlServer
let client: Client

beforeEach(async () => {
  server = await startLibsqlServer({ authToken: 'secret' })
  client = createClient({ url: server.url, authToken: 'secret' })
  await client.execute('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE, data BLOB)')
})

afterEach(async () => {
  client.close()
  await server.close()
})

const count = async (): Promise<unknown> =>
  (await client.execute('SELECT count(*) AS n FROM notes')).rows[0]?.n

describe('the libSQL server for tests', () => {
  it('executes a statement and returns rows, columns, changes and the last row id', async () => {
    const insert = await client.execute({
      sql: 'INSERT INTO notes (id, text, data) VALUES (?, ?, ?)',
      args: [7n, 'naïve ☕', new Uint8Array([0, 255])],
    })
    expect([insert.rowsAffected, insert.lastInsertRowid]).toEqual([1, 7n])
    const select = await client.execute({
      sql: 'SELECT id, text, data, 1.5 AS real, NULL AS missing FROM notes WHERE text = :text',
      args: { text: 'naïve ☕' },
    })
    expect(select.columns).toEqual(['id', 'text', 'data', 'real', 'missing'])
    expect(select.columnTypes.slice(0, 3)).toEqual(['INTEGER', 'TEXT', 'BLOB'])
    expect(select.rows[0]).toMatchObject({ id: 7, text: 'naïve ☕', real: 1.5, missing: null })
    expect(new Uint8Array(select.rows[0]?.data as ArrayBuffer)).toEqual(new Uint8Array([0, 255]))
    expect(select.rowsAffected).toBe(0)
  })

  it('returns the rows of INSERT … RETURNING and counts them as changes', async () => {
    const result = await client.execute("INSERT INTO notes (text) VALUES ('a'), ('b') RETURNING id")
    expect(result.rows.map(({ id }) => id)).toEqual([1, 2])
    expect(result.rowsAffected).toBe(2)
  })

  it('carries 64-bit integers without rounding them', async () => {
    const exact = createClient({ url: server.url, authToken: 'secret', intMode: 'bigint' })
    const { rows } = await exact.execute({ sql: 'SELECT ? AS n', args: [9223372036854775807n] })
    expect(rows[0]?.n).toBe(9223372036854775807n)
    exact.close()
  })

  it('commits a batch as one transaction and reports each result', async () => {
    const results = await client.batch(
      [
        { sql: 'INSERT INTO notes (text) VALUES (?)', args: ['a'] },
        { sql: 'INSERT INTO notes (text) VALUES (?)', args: ['b'] },
        'SELECT count(*) AS n FROM notes',
      ],
      'write',
    )
    expect(results.map(({ rowsAffected }) => rowsAffected)).toEqual([1, 1, 0])
    expect(results[2]?.rows[0]?.n).toBe(2)
    expect(server.openStreams()).toBe(0)
  })

  it('rolls a batch back when one of its statements fails, and says which', async () => {
    const insert = { sql: 'INSERT INTO notes (text) VALUES (?)', args: ['a'] }
    await expect(client.batch([insert, insert], 'write')).rejects.toMatchObject({
      code: 'SQLITE_CONSTRAINT',
      statementIndex: 1,
    })
    expect(await count()).toBe(0)
  })

  it('keeps a transaction to its own stream until it commits', async () => {
    const transaction = await client.transaction('write')
    await transaction.execute("INSERT INTO notes (text) VALUES ('a')")
    expect(await count()).toBe(0)
    expect(server.openStreams()).toBe(1)
    await transaction.commit()
    expect(await count()).toBe(1)
    expect(server.openStreams()).toBe(0)
  })

  it('forgets a transaction that is rolled back or whose stream is closed', async () => {
    for (const end of ['rollback', 'close'] as const) {
      const transaction = await client.transaction('write')
      await transaction.execute("INSERT INTO notes (text) VALUES ('a')")
      await transaction[end]()
      await expect.poll(() => server.openStreams()).toBe(0)
      expect(await count()).toBe(0)
    }
  })

  it('tells a second writer SQLITE_BUSY while the first one holds the lock', async () => {
    const first = await client.transaction('write')
    await first.execute("INSERT INTO notes (text) VALUES ('a')")
    const second = client.execute("INSERT INTO notes (text) VALUES ('b')")
    await expect(second).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    await first.commit()
    await client.execute("INSERT INTO notes (text) VALUES ('b')")
    expect(await count()).toBe(2)
  })

  it('tells a writer SQLITE_BUSY while another process holds the file', async () => {
    const other = new Database(server.path)
    other.exec('BEGIN IMMEDIATE')
    const insert = client.execute("INSERT INTO notes (text) VALUES ('a')")
    await expect(insert).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    other.close()
  })

  it('runs several statements with executeMultiple', async () => {
    await client.executeMultiple("INSERT INTO notes (text) VALUES ('a'); DELETE FROM notes;")
    expect(await count()).toBe(0)
  })

  it.each([
    ['a missing table', 'SELECT * FROM nowhere', 'SQL_INPUT_ERROR'],
    [
      'a broken constraint',
      'INSERT INTO notes (id, text) VALUES (1, 1), (1, 2)',
      'SQLITE_CONSTRAINT',
    ],
    ['two statements in one', "SELECT ';' ; SELECT 2", 'SQL_MANY_STATEMENTS'],
    ['no statement', '-- nothing', 'SQL_NO_STATEMENT'],
    ['a pragma that servers forbid', 'PRAGMA journal_mode = WAL', 'SQL_PARSE_ERROR'],
  ])('refuses %s with the code of a server', async (_, sql, code) => {
    await expect(client.execute(sql)).rejects.toMatchObject({ code })
  })

  it('answers a wrong token with 401', async () => {
    for (const authToken of ['wrong', undefined]) {
      const stranger = createClient({ url: server.url, ...(authToken && { authToken }) })
      await expect(stranger.execute('SELECT 1')).rejects.toThrow('HTTP status 401')
      stranger.close()
    }
  })

  it('answers protocol version 3 with get_autocommit and describe', async () => {
    const ask = async (baton: string | null, ...requests: object[]): Promise<Response> =>
      fetch(new URL('/v3/pipeline', server.url), {
        method: 'POST',
        headers: { authorization: 'Bearer secret' },
        body: JSON.stringify({ baton, requests }),
      })
    const begun = (await (
      await ask(
        null,
        { type: 'execute', stmt: { sql: 'BEGIN' } },
        { type: 'get_autocommit' },
        { type: 'describe', sql: 'UPDATE notes SET text = :text' },
      )
    ).json()) as { baton: string; results: { response: Record<string, unknown> }[] }
    expect(begun.results[1]?.response.is_autocommit).toBe(false)
    expect(begun.results[2]?.response.result).toMatchObject({
      params: [{ name: ':text' }],
      is_readonly: false,
    })
    const ended = await ask(begun.baton, { type: 'close' })
    expect(await ended.json()).toMatchObject({ baton: null, results: [{ type: 'ok' }] })
    expect((await ask(begun.baton, { type: 'close' })).status).toBe(400)
  })
})
