import { dataDir, store, usageRows } from '../store/fixtures.ts'

/** The data directory of a gateway that wrote so many rows, and was stopped. */
export const ledger = async (rows: number): Promise<string> => {
  const dir = dataDir()
  const writer = await store({ dataDir: dir })
  await Promise.all(usageRows(rows).map((row) => writer.recordUsage(row)))
  await writer.close()
  return dir
}
