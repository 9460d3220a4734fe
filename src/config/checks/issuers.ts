import { error, type Finding, quote } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'

type Issuer = ConfigFile['issuers'][number]

export function checkIssuers({ issuers }: ConfigFile): Finding[] {
  return issuers.flatMap((issuer, index) => [
    ...namesAnybody(issuer, index),
    ...twice(issuer, index, issuers),
    ...sharedHeader(issuer, index, issuers),
  ])
}

/** Who may write any login into a token could write the owner's. */
function namesAnybody({ issuer, domains, prefix }: Issuer, index: number): Finding[] {
  if (domains.length > 0 || prefix !== '') return []
  const message = `${quote(issuer)} could name any login, the owner’s too`
  const remedy = 'Add "domains": ["example.com"] or "prefix": "name:"'
  return [error(['issuers', index], message, remedy)]
}

function twice({ issuer }: Issuer, index: number, all: readonly Issuer[]): Finding[] {
  if (all.findIndex((it) => it.issuer === issuer) === index) return []
  const message = `${quote(issuer)} is there already`
  return [error(['issuers', index, 'issuer'], message, 'Remove one of them')]
}

function sharedHeader({ header }: Issuer, index: number, all: readonly Issuer[]): Finding[] {
  if (header === undefined || all.findIndex((it) => it.header === header) === index) return []
  const message = `an earlier issuer reads ${quote(header)} already`
  return [error(['issuers', index, 'header'], message, 'Remove one of them')]
}
