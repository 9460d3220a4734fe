import { DatabaseSync } from 'node:sqlite'

// The process behind ledger.ts: `node quick-check.ts FILE` prints `ok`, `damaged: …` or why it cannot tell.

/** SQLite's `NOTADB` and `CORRUPT`. */
const damage = new Set([26, 11])

const check = (path: string): string => {
  const database = new DatabaseSync(path, { readOnly: true })
  const [first] = database.prepare('PRAGMA quick_check(1)').all()
  const said = String(first?.quick_check ?? '')
  return said === 'ok' ? said : `damaged: ${said.replaceAll('\n', ' ')}`
}

try {
  process.stdout.write(check(process.argv[2] ?? ''))
} catch (error) {
  const { errcode = 0, message } = error as Error & { errcode?: number }
  process.stdout.write(damage.has(errcode & 0xff) ? `damaged: ${message}` : message)
}
