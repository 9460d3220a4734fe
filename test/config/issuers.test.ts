import { describe, expect, it } from 'vitest'
import { read, said, valid } from './read.ts'

const issuer = 'https://issuer.example.com'
const entry = (changes: object = {}) => ({
  issuer,
  audience: 'postern',
  domains: ['example.com'],
  ...changes,
})
const issuers = (...list: object[]) => valid({ issuers: list })

describe('issuers', () => {
  it('have defaults that believe no more than they must', () => {
    expect(read(issuers(entry({ prefix: 'X:' }))).config?.issuers).toEqual([
      {
        issuer,
        audience: 'postern',
        jwks: undefined,
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        loginClaim: undefined,
        requireEmailVerified: true,
        domains: ['example.com'],
        prefix: 'x:',
        groupsClaim: undefined,
        requiredClaims: new Map(),
        header: undefined,
      },
    ])
  })

  it('must say for whom their tokens are', () => {
    expect(said(issuers({ issuer, domains: ['example.com'] }))).toEqual([
      'error issuers[0].audience: key "audience" is missing',
    ])
  })

  it('may not name anybody they like', () => {
    expect(said(issuers(entry({ domains: [] })))).toEqual([
      `error issuers[0]: "${issuer}" could name any login, the owner’s too`,
    ])
  })

  it.each(['group:', 'tag:', 'door:', ' '])('may not begin a login with %j', (prefix) => {
    expect(said(issuers(entry({ prefix })))).toEqual([
      `error issuers[0].prefix: "${prefix}" cannot begin a login`,
    ])
  })

  it.each([
    ['http://issuer.example.com', 'is plain http to another machine'],
    ['issuer.example.com', 'does not begin with http:// or https://'],
    ['https://a:b@issuer.example.com', 'has a user name or password in it'],
    ['https://issuer.example.com/?x', 'has a query or fragment'],
  ])('are not found at %s', (address, why) => {
    expect(said(issuers(entry({ issuer: address })))).toEqual([
      `error issuers[0].issuer: the URL ${why}`,
    ])
    expect(said(issuers(entry({ jwks: address })))).toEqual([
      `error issuers[0].jwks: the URL ${why}`,
    ])
  })

  it('may be on this machine', () => {
    expect(said(issuers(entry({ issuer: 'http://127.0.0.1:9000/realm' })))).toEqual([])
  })

  it.each(['HS256', 'none', 'RSA1_5'])('may not sign with %s', (algorithm) => {
    expect(said(issuers(entry({ algorithms: [algorithm] })))).toHaveLength(1)
  })

  it('let callers in without a user, by names and groups of their own', () => {
    const grant = (src: string) => ({
      src: [src],
      app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] },
    })
    const grants = [grant('carol@example.com'), grant('group:ops')]
    const listeners = [{ name: 'a', bind: '0.0.0.0:8787', trusted_proxies: ['10.0.0.1'] }]
    const file = { listeners, grants }
    const trusting = { ...file, issuers: [entry({ groups_claim: 'groups' })] }
    expect(said(trusting)).toEqual([])
    expect(said({ ...trusting, mode: 'both', front: 'tailscale', listeners: undefined })).toEqual(
      [],
    )
    expect(said({ ...file, issuers: [entry()] })).toEqual([
      'warning grants[1].src[0]: group "group:ops" is not defined and has no members',
    ])
    expect(said({ ...file, issuers: [] }).length).toBeGreaterThan(2)
  })

  it('are there once each, and share no header', () => {
    const header = 'cf-access-jwt-assertion'
    const other = entry({ issuer: `${issuer}/other`, header })
    expect(said(issuers(entry({ header }), entry(), other))).toEqual([
      `error issuers[1].issuer: "${issuer}" is there already`,
      'error issuers[2].header: an earlier issuer reads "cf-access-jwt-assertion" already',
    ])
  })
})
