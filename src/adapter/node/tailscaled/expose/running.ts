import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Does a gateway hold this data directory now? */
export const gatewayRuns = async (dataDir: string): Promise<boolean> => {
  const lock = join(dataDir, 'ledger.lock')
  if (!existsSync(lock)) return false
  const { createClient } = await import('@libsql/client/sqlite3')
  const client = createClient({ url: pathToFileURL(lock).href })
  try {
    const held = await client.transaction('write')
    held.close()
    return false
  } catch (error) {
    if ((error as { code?: unknown }).code === 'SQLITE_BUSY') return true
    throw error
  } finally {
    client.close()
  }
}
