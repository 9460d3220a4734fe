import { describe, expect, it } from 'vitest'
import type { GrantEntry } from '../../src/config/config.ts'
import { ANY_MODEL } from '../../src/gateway/http/env.ts'
import { intersect, merge } from '../../src/gateway/policy/permissions.ts'
import { chat, providerKey, together } from '../support/setup.ts'

const of = (...entries: GrantEntry[]) => merge([{ entries }])
const headers = (name: string) => ({ addHeaders: [[name, '1']] as const })

describe('what entries say beside role and models', () => {
  it('goes for the models of the entry, and without models for all', () => {
    const everywhere = headers('x-all')
    const some: GrantEntry = { models: ['a/*'], ...headers('x-a') }
    const none: GrantEntry = { models: [], ...headers('x-none') }
    const { entriesFor } = of({ role: 'user', models: ['**'] }, everywhere, some, none)
    expect(entriesFor('a', 'm')).toEqual([{ role: 'user', models: ['**'] }, everywhere, some])
    expect(entriesFor('b', 'm')).toEqual([{ role: 'user', models: ['**'] }, everywhere])
    expect(entriesFor()).toHaveLength(4)
  })

  it('goes for a request without a model where the entry is for any model of its provider', () => {
    const some: GrantEntry = { models: ['a/gpt-*', 'c/x'], ...headers('x-some') }
    const any: GrantEntry = { models: ['**'], ...headers('x-any') }
    const stars: GrantEntry = { models: ['*/gpt'], ...headers('x-stars') }
    const { entriesFor } = of({ role: 'user' }, some, any, stars)
    expect(entriesFor('a', ANY_MODEL)).toEqual([{ role: 'user' }, some, any, stars])
    expect(entriesFor('b', ANY_MODEL)).toEqual([{ role: 'user' }, any, stars])
  })

  it('opens what a provider keeps by name only, and for two callers where both may', () => {
    const one = of({ role: 'user', models: ['**'], providerResources: ['a/files', 'a/batches'] })
    const other = of({ role: 'admin', models: ['**'], providerResources: ['a/files'] })
    expect([one.allowsResource('a', 'files'), one.allowsResource('b', 'files')]).toEqual([
      true,
      false,
    ])
    const both = intersect(one, other)
    expect([both.allowsResource('a', 'files'), both.allowsResource('a', 'batches')]).toEqual([
      true,
      false,
    ])
    const without = merge([{ entries: [{ providerResources: ['a/files'] }] }])
    expect(without.allowsResource('a', 'files')).toBe(false)
  })

  it('is nothing without a role', () => {
    const { entriesFor, readMetrics, readPricing, capabilities } = merge([
      {
        entries: [{ models: ['**'], readMetrics: true, readPricing: true, ...headers('x') }],
        capabilities: new Map([['example.com/cap/x', [1]]]),
      },
    ])
    expect([entriesFor('a', 'm'), entriesFor(), readMetrics, readPricing]).toEqual([
      [],
      [],
      false,
      false,
    ])
    expect(capabilities.size).toBe(0)
  })

  it('reading metrics and prices must be granted, to admins too', () => {
    const admin: GrantEntry = { role: 'admin', models: ['**'] }
    expect(of(admin)).toMatchObject({ readMetrics: false, readPricing: false })
    expect(of(admin, { readMetrics: true })).toMatchObject({
      readMetrics: true,
      readPricing: false,
    })
    expect(of(admin, { readPricing: true })).toMatchObject({ readPricing: true })
  })

  it('other capabilities of several grants are kept together, as written', () => {
    const gold = new Map([['example.com/cap/policy', [{ tier: 'gold' }]]])
    const both = new Map([
      ['example.com/cap/policy', [{ tier: 'silver' }]],
      ['__proto__', [1]],
    ])
    const { capabilities } = merge([
      { entries: [{ role: 'user' }], capabilities: gold },
      { entries: [], capabilities: both },
    ])
    expect([...capabilities]).toEqual([
      ['example.com/cap/policy', [{ tier: 'gold' }, { tier: 'silver' }]],
      ['__proto__', [1]],
    ])
  })

  it('is lent by neither of two, while what is done to requests is done for both', () => {
    const one = of({ role: 'admin', models: ['**'], readMetrics: true, ...headers('x-person') })
    const two = of({ role: 'user', models: ['**'], readPricing: true, ...headers('x-webui') })
    const both = intersect(one, two)
    expect(both).toMatchObject({ role: 'user', readMetrics: false, readPricing: false })
    expect(both.entriesFor('a', 'm').flatMap(({ addHeaders = [] }) => addHeaders)).toEqual([
      ['x-person', '1'],
      ['x-webui', '1'],
    ])
  })
})

describe('headers of a grant', () => {
  const t = together({
    provider: { add_headers: ['X-Team: provider', 'X-Kept: kept'] },
    config: {
      grants: [
        {
          src: ['*'],
          app: {
            'tailscale.com/cap/aperture': [
              { role: 'user', models: '**' },
              { add_headers: ['X-Team: ops', 'X-Once: 1'] },
              { models: 'local/m', add_headers: ['X-Model: yes', 'X-Once: 1'] },
              { models: 'local/other', add_headers: ['X-Other: yes'] },
            ],
          },
        },
        {
          src: ['owner'],
          app: {
            'tailscale.com/cap/aperture': [
              { role: 'admin', add_headers: ['Authorization: Bearer of-the-team'] },
            ],
          },
        },
      ],
    },
  })
  const sent = async (as = 'alice') => {
    t.upstream.requests.length = 0
    const authorization = `Basic ${btoa(`${as}:${as}-password`)}`
    await chat(t.url, { model: 'm' }, { headers: { authorization } })
    const { rawHeaders = [] } = t.upstream.requests[0] ?? {}
    return rawHeaders.flatMap((name, at) =>
      at % 2 === 0 && /^x-|^auth/i.test(name)
        ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`]
        : [],
    )
  }

  it('go to the provider for the requests it covers, once each, in place of its own', async () => {
    expect(await sent()).toEqual([
      'x-team: ops',
      'x-once: 1',
      'x-model: yes',
      `authorization: Bearer ${providerKey}`,
      'x-kept: kept',
    ])
  })

  it('may stand in place of its key, for those whom the grant names', async () => {
    const headers = await sent('owner')
    expect(headers).toContain('authorization: Bearer of-the-team')
    expect(headers.join()).not.toContain(providerKey)
  })
})
