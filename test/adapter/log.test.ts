import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createLog, type NodeLog } from '../../src/adapter/node/log.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

const logTo = (path: string, flags: number | string = 'a'): NodeLog => {
  const fd = openSync(path, flags)
  onTestFinished(() => closeSync(fd))
  return createLog({ level: () => 'info', secrets: () => [], fd })
}

interface Line {
  readonly n?: number
  readonly dropped_logs?: number
}

const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('the log', () => {
  it('has every line once and in order, soon, without anybody asking for it', async () => {
    const path = join(folder, 'soon.log')
    const { log } = logTo(path)
    for (const n of numbers(300)) log('info', 'line', { n, text: 'x'.repeat(500) })
    const written = () => linesOf(readFileSync(path, 'utf8')).map(({ n }) => n)
    await vi.waitFor(() => expect(written()).toEqual(numbers(300)), { timeout: 1000 })
    for (const n of [300, 301]) log('info', 'line', { n })
    await vi.waitFor(() => expect(written()).toEqual(numbers(302)), { timeout: 1000 })
  })

  it('is written when a flush returns', () => {
    const path = join(folder, 'flushed.log')
    const { log, flush } = logTo(path)
    for (const n of numbers(300)) log('info', 'line', { n, text: 'x'.repeat(500) })
    flush()
    flush()
    expect(linesOf(readFileSync(path, 'utf8')).map(({ n }) => n)).toEqual(numbers(300))
  })

  it('is all there when the process has ended', () => {
    const path = join(folder, 'ended.log')
    const made = JSON.stringify(new URL('../../src/adapter/node/log.ts', import.meta.url).href)
    execFileSync(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { openSync } from 'node:fs'
      import { createLog } from ${made}
      const fd = openSync(${JSON.stringify(path)}, 'a')
      const { log, flush } = createLog({ level: () => 'info', secrets: () => [], fd })
      const write = (from) => { for (let n = from; n < from + 300; n++) log('info', 'line', { n, text: 'x'.repeat(500) }) }
      write(0)
      setTimeout(() => {
        write(300)
        flush()
        process.exit()
      }, 21)`,
    ])
    const written = linesOf(readFileSync(path, 'utf8')).map(({ n = -1 }) => n)
    // What was being written at that moment may come last.
    expect(written.toSorted((a, b) => a - b)).toEqual(numbers(600))
  })

  it('says how many lines a reader was too slow for, and goes on', async () => {
    const path = join(folder, 'slow.fifo')
    execFileSync('mkfifo', [path])
    // Open for reading too, so that opening it does not wait for a reader.
    const { log } = logTo(path, constants.O_RDWR)
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    onTestFinished(() => closeSync(reader))
    const count = 20_000
    for (const n of numbers(count)) log('info', 'line', { n, text: 'x'.repeat(1000) })
    let text = ''
    const room = Buffer.alloc(65_536)
    const read = () => {
      try {
        for (;;) text += room.toString('latin1', 0, readSync(reader, room))
      } catch {
        // Nothing there for the moment.
      }
    }
    // Whatever is full when a line comes, a later one gets through, and tells of all before it.
    let last = count - 1
    const arrived = () => text.includes(`"n":${last},`) || text.includes(`"n":${last}}`)
    const arrives = async (): Promise<boolean> => {
      for (const since = performance.now(); performance.now() - since < 1000; await sleep(5)) {
        read()
        if (arrived()) return true
      }
      return false
    }
    while (!(await arrives())) log('info', 'line', { n: ++last })
    const lines = linesOf(text)
    const dropped = lines.reduce((sum, { dropped_logs: lost = 0 }) => sum + lost, 0)
    expect(lines.at(-1)).toMatchObject({ n: last })
    expect(dropped).toBeGreaterThan(100)
    expect(lines.length + dropped).toBe(last + 1)
  })
})
