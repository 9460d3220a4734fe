import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createClient } from '@libsql/client/sqlite3'
import { errorCode, UnusableDatabase } from './errors.ts'

/** A gateway that is shutting down gets this long to let go, ms. */
const PATIENCE = 2000
const PAUSE = 100

/**
 * Holds the data directory for one gateway: two would tear each other's journal. SQLite's own lock on an empty file
 * serves, because the kernel frees it with the process, `kill -9` included, and it holds across containers, where a
 * file with a process id in it would not.
 *
 * @returns what lets go of it.
 * @throws UnusableDatabase when another gateway has it.
 */
export const holdDataDir = async (dataDir: string): Promise<() => void> => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  for (let waited = 0; ; waited += PAUSE) {
    const client = createClient({ url: pathToFileURL(join(dataDir, 'ledger.lock')).href })
    try {
      const held = await client.transaction('write')
      return () => {
        held.close()
        client.close()
      }
    } catch (error) {
      client.close()
      if (errorCode(error) !== 'SQLITE_BUSY') throw error
      if (waited >= PATIENCE) {
        throw new UnusableDatabase(
          `another gateway is running with ${dataDir}: stop it first`,
          error,
        )
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}
