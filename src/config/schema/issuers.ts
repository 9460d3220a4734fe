import { z } from 'zod'
import * as field from '../values/fields/fields.ts'
import * as own from '../values/fields/issuer-fields.ts'

const issuer = z.strictObject({
  issuer: own
    .issuerUrl()
    .describe('Exactly the `iss` of its tokens: https, or http on this machine.'),
  audience: own
    .audience()
    .describe('What its tokens must name as `aud`: this gateway, and nobody else’s service.'),
  jwks: own
    .issuerUrl()
    .optional()
    .describe(
      'Where its public keys are. Absent: what `/.well-known/openid-configuration` below `issuer` says.',
    ),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA']))
    .nonempty()
    .prefault(['RS256', 'ES256', 'EdDSA'])
    .describe('Signatures that count.'),
  login_claim: own
    .claimName()
    .optional()
    .describe(
      'Claim that is the login. Absent: `email` if it is verified, else `sub`. For GitHub Actions `"repository"`.',
    ),
  require_email_verified: z
    .boolean()
    .prefault(true)
    .describe(
      'Believe `email` only beside `"email_verified": true`. Turn it off for issuers that never say so, whose ' +
        'addresses nobody can choose: Cloudflare Access, tsidp.',
    ),
  domains: z
    .array(field.hostName())
    .prefault([])
    .describe('The login must end in `@` and one of these. Needed unless there is a `prefix`.'),
  prefix: own
    .loginPrefix()
    .prefault('')
    .describe('Put before the login, such as `"github:"`, so that it is nobody else’s.'),
  groups_claim: own
    .claimName()
    .optional()
    .describe('Claim with the names of groups, each without `group:`. Absent: none.'),
  required_claims: z
    .record(z.string(), z.union([z.string(), z.boolean()]))
    .prefault({})
    .describe('Claims that must be exactly so: `{ "repository_owner": "acme" }`.'),
  header: z
    .enum(['cf-access-jwt-assertion'])
    .optional()
    .describe(
      'Header in which a proxy in front puts such a token, read where a request has no other credential: ' +
        '`"cf-access-jwt-assertion"` for Cloudflare Access.',
    ),
})

export const issuers = z
  .array(issuer)
  .prefault([])
  .describe(
    'Whose tokens count as identity, in place of a key: an OpenID provider, Cloudflare Access, GitHub Actions. ' +
      '`docs/keys.md` has one of each.',
  )
