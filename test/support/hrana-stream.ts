import Database from 'libsql'

// The statement half of the stand-in for a libSQL server: one Hrana stream on one native connection. What it accepts,
// refuses and answers follows sqld (libsql-server/src/hrana and src/query_analysis.rs).

type HranaValue =
  | { type: 'null' }
  | { type: 'integer'; value: string }
  | { type: 'float'; value: number }
  | { type: 'text'; value: string }
  | { type: 'blob'; base64: string }

/** Some clients leave out what they do not send, some send null. */
interface SqlSource {
  sql?: string | null
  sql_id?: number | null
}

interface HranaStatement extends SqlSource {
  args?: HranaValue[]
  named_args?: { name: string; value: HranaValue }[]
  want_rows?: boolean | null
}

type HranaCondition =
  | { type: 'ok' | 'error'; step: number }
  | { type: 'not'; cond: HranaCondition }
  | { type: 'and' | 'or'; conds: HranaCondition[] }
  | { type: 'is_autocommit' }

interface HranaBatch {
  steps: { condition?: HranaCondition | null; stmt: HranaStatement }[]
}

export type HranaRequest =
  | { type: 'close' | 'get_autocommit' }
  | { type: 'execute'; stmt: HranaStatement }
  | { type: 'batch'; batch: HranaBatch }
  | ({ type: 'sequence' | 'describe' } & SqlSource)
  | { type: 'store_sql'; sql_id: number; sql: string }
  | { type: 'close_sql'; sql_id: number }

/** The request breaks the protocol: HTTP 400 and the stream is gone. */
export class ProtocolError extends Error {}

/** A statement failed: an `error` result, and the stream goes on. */
export class StatementError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** One connection and the SQL texts a client stored on it. */
export class HranaStream {
  #db: Database.Database
  #texts = new Map<number, string>()
  #open = true

  /** A timeout of 0: two streams share this thread, so waiting for a lock would be waiting for oneself. */
  constructor(path: string) {
    this.#db = new Database(path, { timeout: 0 })
  }

  get open(): boolean {
    return this.#open
  }

  /** Ends an open transaction without committing it. */
  close(): void {
    if (this.open) this.#db.close()
    this.#open = false
  }

  /** Answers one request of a pipeline. `version` is 2 or 3. */
  handle(request: HranaRequest, version: number): object {
    if (request.type !== 'close' && !this.open) {
      throw new ProtocolError('Stream for this baton was closed')
    }
    switch (request.type) {
      case 'close':
        this.close()
        return {}
      case 'execute':
        return { result: this.#execute(request.stmt) }
      case 'batch':
        return { result: this.#batch(request.batch, version) }
      case 'sequence':
        attempt(() => this.#db.exec(this.#text(request)))
        return {}
      case 'describe':
        return { result: this.#describe(this.#text(request)) }
      case 'store_sql':
        return this.#store(request.sql_id, request.sql)
      case 'close_sql':
        this.#texts.delete(request.sql_id)
        return {}
      case 'get_autocommit':
        if (version < 3) throw new ProtocolError('get_autocommit needs protocol version 3')
        return { is_autocommit: !this.#db.inTransaction }
      default:
        throw new ProtocolError('StreamRequest type not recognized')
    }
  }

  #store(id: number, sql: string): object {
    if (this.#texts.has(id)) throw new ProtocolError(`SQL text ${id} already exists`)
    this.#texts.set(id, sql)
    return {}
  }

  #text({ sql = null, sql_id = null }: SqlSource): string {
    if (sql !== null && sql_id !== null) {
      throw new ProtocolError('Either `sql` or `sql_id` are required, but not both')
    }
    if (sql !== null) return sql
    if (sql_id === null) throw new ProtocolError('Either `sql` or `sql_id` are required')
    const stored = this.#texts.get(sql_id)
    if (stored === undefined) throw new ProtocolError(`SQL text ${sql_id} not found`)
    return stored
  }

  #execute(stmt: HranaStatement): object {
    const sql = this.#text(stmt)
    refuseWhatServersRefuse(sql)
    return attempt(() => {
      const prepared = this.#db.prepare(sql).safeIntegers(true)
      const values = bindings(stmt)
      const reader = prepared.reader
      const rows = reader ? (prepared.raw(true).all(values) as unknown[][]) : []
      if (!reader) prepared.run(values)
      return {
        cols: reader ? prepared.columns().map(({ name, type }) => ({ name, decltype: type })) : [],
        rows: stmt.want_rows === false ? [] : rows.map((row) => row.map(toHrana)),
        ...this.#changes(sql),
      }
    })
  }

  /** SQLite keeps both numbers from the last write; a server reports them for the kinds of statement they belong to. */
  #changes(sql: string): object {
    const [changes, rowid] = this.#db
      .prepare('SELECT changes(), last_insert_rowid()')
      .safeIntegers(true)
      .raw(true)
      .get() as unknown as [bigint, bigint]
    return {
      affected_row_count: /^\s*(insert|replace|update|delete|with)\b/i.test(sql)
        ? Number(changes)
        : 0,
      last_insert_rowid: /^\s*(insert|replace)\b/i.test(sql) ? String(rowid) : null,
    }
  }

  #batch({ steps }: HranaBatch, version: number): object {
    const results: (object | null)[] = []
    const errors: (object | null)[] = []
    for (const { condition, stmt } of steps) {
      const at = results.length
      results.push(null)
      errors.push(null)
      if (condition && !this.#holds(condition, version, results, errors)) continue
      try {
        results[at] = this.#execute(stmt)
      } catch (error) {
        if (!(error instanceof StatementError)) throw error
        errors[at] = { message: error.message, code: error.code }
      }
    }
    return { step_results: results, step_errors: errors }
  }

  #holds(
    condition: HranaCondition,
    version: number,
    results: readonly (object | null)[],
    errors: readonly (object | null)[],
  ): boolean {
    const holds = (inner: HranaCondition): boolean => this.#holds(inner, version, results, errors)
    switch (condition.type) {
      case 'ok':
      case 'error': {
        if (condition.step >= results.length - 1) {
          throw new ProtocolError('Invalid reference to step in a batch condition')
        }
        return (condition.type === 'ok' ? results : errors)[condition.step] !== null
      }
      case 'not':
        return !holds(condition.cond)
      case 'and':
        return condition.conds.every(holds)
      case 'or':
        return condition.conds.some(holds)
      case 'is_autocommit':
        if (version < 3) throw new ProtocolError('is_autocommit needs protocol version 3')
        return !this.#db.inTransaction
      default:
        throw new ProtocolError('BatchCond type not recognized')
    }
  }

  #describe(sql: string): object {
    const opcodes = attempt(
      () =>
        this.#db.prepare(`EXPLAIN ${sql}`).all() as { opcode: string; p2: number; p4: string }[],
    )
    const columns = attempt(() => this.#db.prepare(sql).columns())
    return {
      params: opcodes.filter(({ opcode }) => opcode === 'Variable').map(({ p4 }) => ({ name: p4 })),
      cols: columns.map(({ name, type }) => ({ name, decltype: type })),
      is_explain: /^\s*explain\b/i.test(sql),
      is_readonly: !opcodes.some(({ opcode, p2 }) => opcode === 'Transaction' && p2 > 0),
    }
  }
}

/** Turns SQLite's complaints into Hrana's codes: the base code, without the extended part. */
const attempt = <Result>(act: () => Result): Result => {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error
    const base = /^SQLITE_[A-Z]+/.exec(error.code)?.[0] ?? 'SQLITE_UNKNOWN'
    if (base === 'SQLITE_ERROR') {
      throw new StatementError('SQL_INPUT_ERROR', `SQL input error: ${error.message}`)
    }
    throw new StatementError(base, `SQLite error: ${error.message}`)
  }
}

const settingPragma =
  /^\s*pragma\s+(journal_mode|synchronous|busy_timeout|cache_size|temp_store|mmap_size|locking_mode|auto_vacuum|wal_autocheckpoint)\s*[=(]/i
const otherwiseRefused = /^\s*(pragma\s+(optimize|wal_checkpoint)|vacuum|attach\s|create\s+temp)/i

/** A query that passes here and fails on a server would be found by its first user: refuse the known ones alike. */
const refuseWhatServersRefuse = (sql: string): void => {
  const bare = sql.replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
  if (bare.trim() === '') {
    throw new StatementError('SQL_NO_STATEMENT', 'SQL string does not contain any statement')
  }
  if (settingPragma.test(bare) || otherwiseRefused.test(bare)) {
    throw new StatementError(
      'SQL_PARSE_ERROR',
      `SQL string could not be parsed: unsupported statement: ${sql}`,
    )
  }
  if (/;\s*\S/.test(bare) && !/^\s*create\s+trigger\b/i.test(bare)) {
    throw new StatementError('SQL_MANY_STATEMENTS', 'SQL string contains more than one statement')
  }
}

const bindings = ({ args = [], named_args = [] }: HranaStatement): object => {
  if (named_args.length === 0) return args.map(fromHrana)
  const named = named_args.map(({ name, value }) => [name.replace(/^[:@$]/, ''), fromHrana(value)])
  return Object.fromEntries(named) as object
}

const fromHrana = (value: HranaValue): unknown => {
  switch (value.type) {
    case 'null':
      return null
    case 'integer':
      return BigInt(value.value)
    case 'float':
    case 'text':
      return value.value
    case 'blob':
      return Buffer.from(value.base64, 'base64')
    default:
      throw new ProtocolError('Value type not recognized')
  }
}

const toHrana = (value: unknown): HranaValue => {
  if (value === null) return { type: 'null' }
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) }
  if (typeof value === 'number') return { type: 'float', value }
  if (typeof value === 'string') return { type: 'text', value }
  return { type: 'blob', base64: (value as Buffer).toString('base64') }
}
