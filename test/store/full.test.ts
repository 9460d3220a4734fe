import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { child, countUsage, dataDir, query, store, usageRow } from './fixtures.ts'

const prlimit = (pid: number, bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}:unlimited`])
}

const hasPrlimit = (): boolean => {
  try {
    execFileSync('prlimit', ['--version'])
    return true
  } catch {
    return false
  }
}

describe('a disk that is full', () => {
  it.skipIf(!hasPrlimit())(
    'keeps rows waiting, and takes each once when there is space again',
    { timeout: 40_000 },
    async () => {
      const dir = dataDir()
      await (await store({ dataDir: dir })).close()
      const rows = 3000
      const writer = child('./capped-writer.ts', dir, String(rows), JSON.stringify(usageRow()))
      const pid = writer.process.pid ?? 0
      prlimit(pid, 400_000)
      // It says so when it is not healthy any more.
      const acked = await writer.line()
      expect(Number(acked)).toBeGreaterThan(0)
      expect(Number(acked)).toBeLessThan(rows)
      prlimit(pid, 'unlimited')
      expect(await writer.line()).toBe(String(rows))
      expect(await countUsage(dir)).toBe(rows)
      expect(await query(dir, 'PRAGMA integrity_check')).toEqual([['ok']])
    },
  )
})
