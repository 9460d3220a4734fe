import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLog } from '../../src/adapter/workers/log.ts'

let lines: string[]

beforeEach(() => {
  lines = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
})

afterEach(() => {
  vi.restoreAllMocks()
})

const log = createLog({ level: 'info', secrets: ['sk-very-secret'] })

describe('the log of a Worker', () => {
  it('writes one JSON line, time and address first, as fail2ban and people expect', () => {
    log('info', 'auth.fail', { user: 'alice', ip: '203.0.113.7', status: 401 })
    expect(Object.keys(JSON.parse(lines[0] ?? ''))).toEqual([
      'ts',
      'ip',
      'evt',
      'level',
      'user',
      'status',
    ])
  })

  it('leaves out what is below its level', () => {
    log('debug', 'http.reject')
    expect(lines).toEqual([])
  })

  it('cuts what is long, user names sooner', () => {
    log('info', 'auth.fail', { user: 'u'.repeat(1000), route: 'r'.repeat(1000) })
    const { user, route } = JSON.parse(lines[0] ?? '')
    expect([user.length, route.length]).toEqual([65, 513])
  })

  it('escapes what a terminal would obey and what ends lines', () => {
    log('info', 'auth.fail', { user: 'a\u009b31m\u2028\n\u001bb' })
    expect(lines[0]).toContain('a\\u009b31m\\u2028\\n\\u001bb')
  })

  it('blanks out secrets, wherever they are', () => {
    log('warn', 'upstream.error', { reason: 'bad key sk-very-secret!' })
    expect(lines[0]).toContain('bad key [redacted]!')
  })
})
