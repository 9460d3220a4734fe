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
]

/** The capability that the gateway would read. */
export const capability = 'example.com/cap/gateway'

/** Everyone reaches everything; alice's nodes and `tag:ci` have a grant each, bob has none. */
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
      app: { [capability]: [{ role: 'ci', models: ['tiny/**'] }], 'example.com/cap/other': [{}] },
    },
  ],
}
