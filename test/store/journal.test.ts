import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Journal, JournalFull } from '../../src/adapter/node/ledger/journal.ts'
import { dataDir } from './fixtures.ts'

const MiB = 1024 * 1024

const drain = (journal: Journal, most: number): string[] => {
  const lines: string[] = []
  for (let chunk = journal.peek(most); chunk; chunk = journal.peek(most)) {
    lines.push(...chunk.lines)
    journal.drop(chunk)
  }
  return lines
}

describe('the journal', () => {
  it('gives lines back in order, a few at a time, and its space when it is empty', () => {
    const path = `${dataDir()}/ledger.journal`
    const journal = new Journal(path, MiB)
    journal.append(['a', 'b', 'c'])
    const chunk = journal.peek(2)
    expect(chunk?.lines).toEqual(['a', 'b'])
    journal.append(['d'])
    if (chunk) journal.drop(chunk)
    expect(drain(journal, 100)).toEqual(['c', 'd'])
    expect([journal.bytes, statSync(path).size]).toEqual([0, 0])
    journal.append(['e'])
    expect(readFileSync(path, 'utf8')).toBe('e\n')
  })

  it('gives a line again after a restart until it was dropped', () => {
    const path = `${dataDir()}/ledger.journal`
    const first = new Journal(path, MiB)
    first.append(['a', 'b'])
    first.close()
    const second = new Journal(path, MiB)
    second.append(['c'])
    expect(drain(second, 1)).toEqual(['a', 'b', 'c'])
    expect(new Journal(path, MiB).bytes).toBe(0)
  })

  it.each([1, 2 * MiB])('cuts off a last line of %i bytes that a crash tore', (size) => {
    const path = `${dataDir()}/ledger.journal`
    writeFileSync(path, `whole\n${'x'.repeat(size)}`)
    const journal = new Journal(path, 4 * MiB)
    journal.append(['next'])
    expect(drain(journal, 100)).toEqual(['whole', 'next'])
  })

  it('reads lines longer than its buffer, and text in any script', () => {
    const journal = new Journal(`${dataDir()}/ledger.journal`, 16 * MiB)
    const lines = ['x'.repeat(3 * MiB), 'naïve ☕ 日本', 'y'.repeat(2 * MiB)]
    journal.append(lines)
    expect(drain(journal, 100)).toEqual(lines)
  })

  it('takes all lines of a batch or none when it is full', () => {
    const path = `${dataDir()}/ledger.journal`
    const journal = new Journal(path, 10)
    journal.append(['1234'])
    expect(() => journal.append(['12', '34'])).toThrow(JournalFull)
    expect(drain(journal, 100)).toEqual(['1234'])
  })

  it('is readable by its owner only', () => {
    const path = `${dataDir()}/ledger.journal`
    new Journal(path, MiB).close()
    expect(statSync(path).mode & 0o077).toBe(0)
  })
})
