import type { Person } from './headscale.ts'

/** The people of the tailnet. Alice's name shows what becomes of letters that a header cannot hold. */
export const people: readonly Person[] = [
  {
    name: 'alice',
    email: 'alice@example.com',
    displayName: 'Alice Ünï',
    pictureUrl: 'https://example.com/alice.png',
  },
  { name: 'bob', email: 'bob@example.com', displayName: 'Bob' },
  { name: 'rene', email: 'rené@example.com', displayName: 'René' },
  // Read as what a header makes of letters (RFC 2047), this would be alice.
  { name: 'impostor', email: '=?utf-8?q?alice=40example.com?=', displayName: 'Impostor' },
]

/** The capability that the gateway would read. */
export const capability = 'example.com/cap/gateway'

/** Another, with a value that a header cannot hold as it is. */
export const otherCapability = 'example.com/cap/other'

/** Everyone reaches everything; alice's nodes and `tag:ci` have a grant each, the others have none. */
export const policy = {
  tagOwners: { 'tag:ci': ['alice@example.com'] },
  groups: { 'group:eng': ['alice@example.com'] },
  grants: [
    { src: ['*'], dst: ['*'], ip: ['*'] },
    {
      src: ['group:eng'],
      dst: ['*'],
      app: { [capability]: [{ role: 'user', models: ['**'] }] },
    },
    {
      src: ['tag:ci'],
      dst: ['*'],
      app: {
        [capability]: [{ role: 'ci', models: ['tiny/**'] }],
        [otherCapability]: [{ note: 'Grüße' }],
      },
    },
  ],
}
