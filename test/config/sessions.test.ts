import { describe, expect, it } from 'vitest'
import { secretsOf } from '../../src/gateway/http/log/log-line.ts'
import { read, said, valid } from './read.ts'

const secret = 'x'.repeat(32)
const previous_secret = 'y'.repeat(32)
const file = (sessions: object) => valid({ sessions })
const texts = (sessions: object) =>
  read(file(sessions)).config?.sessionSecrets?.map((bytes) => new TextDecoder().decode(bytes))

describe('sessions', () => {
  it('are signed with the secret of the file, and those of the one before are taken', () => {
    expect(texts({})).toBeUndefined()
    expect(texts({ secret })).toEqual([secret])
    expect(texts({ secret, previous_secret })).toEqual([secret, previous_secret])
  })

  it('have no secret that can be guessed, and none that takes the place of nothing', () => {
    expect(said(file({ secret: 'short', previous_secret: 'old' }))).toEqual([
      'error sessions.secret: has less than 32 characters',
      'error sessions.previous_secret: has less than 32 characters',
    ])
    expect(said(file({ previous_secret }))).toEqual([
      'error sessions.previous_secret: there is no "secret" that took its place',
    ])
  })

  it('have secrets that are never logged', () => {
    const { config } = read(file({ secret, previous_secret }))
    expect(config && secretsOf(config)).toEqual(expect.arrayContaining([secret, previous_secret]))
  })
})
