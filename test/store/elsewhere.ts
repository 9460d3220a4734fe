import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const script = `
  const { DatabaseSync } = require('node:sqlite')
  const db = new DatabaseSync(process.argv[1])
  console.log(JSON.stringify(db.prepare(process.argv[2]).all().map((row) => Object.values(row))))
  db.close()
`

/**
 * What the ledger of `dir`, or the file itself, answers to another process, which lets go of the file at once. In this one, a second SQLite
 * beside the store's would undo its locks (sqlite.org/howtocorrupt.html, 2.2.1), and the store's own client keeps a file
 * open after it was closed.
 */
export const askElsewhere = (dir: string, statement: string): unknown[][] => {
  const file = dir.endsWith('.db') ? dir : join(dir, 'postern.db')
  const args = ['--no-warnings', '-e', script, file, statement]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}
