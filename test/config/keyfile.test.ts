import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'

const account = {
  type: 'service_account',
  project_id: 'our-project',
  private_key_id: 'key-1',
  private_key: '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n',
  client_email: 'gateway@our-project.iam.gserviceaccount.com',
  token_uri: 'https://oauth2.googleapis.com/token',
}
const files: Readonly<Record<string, string>> = {
  '/run/vertex.json': JSON.stringify(account),
  'short.json': JSON.stringify({ ...account, token_uri: undefined, private_key_id: undefined }),
  '/run/key': 'just-a-key',
  '/run/user.json': JSON.stringify({ type: 'authorized_user', refresh_token: 'hunter2' }),
  '/run/odd.json': JSON.stringify({ ...account, token_uri: 'file:///etc/passwd' }),
  '/run/path.json': JSON.stringify({ ...account, project_id: '../hunter2' }),
}

const read = (fields: object) =>
  parseConfig(
    JSON.stringify({
      users: {},
      grants: [
        {
          src: ['(loopback)'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] },
        },
      ],
      providers: {
        p: {
          baseurl: 'https://aiplatform.googleapis.com',
          models: ['m'],
          compatibility: { google_generate_content: true },
          ...fields,
        },
      },
    }),
    {
      file: 'postern.hujson',
      env: (name) => (name === 'SA' ? JSON.stringify(account) : undefined),
      readFile: (path) => files[path],
    },
  )

describe('a key file', () => {
  const whole = {
    email: account.client_email,
    projectId: 'our-project',
    privateKey: account.private_key,
    privateKeyId: 'key-1',
    tokenUri: 'https://oauth2.googleapis.com/token',
  }

  it.each(['keyfile::/run/vertex.json', 'keyfile::file:/run/vertex.json', 'keyfile::env:SA'])(
    '%s is read as a service account, and is not a key',
    (apikey) => {
      const { config, problems } = read({ apikey })
      expect(problems).toEqual([])
      expect(config?.providers.get('p')).toMatchObject({ apikey: '', serviceAccount: whole })
    },
  )

  it('may lack what Google’s own endpoint and key need not have', () => {
    const { config } = read({ apikey: 'keyfile::short.json' })
    const { privateKeyId: _, ...rest } = whole
    expect(config?.providers.get('p')?.serviceAccount).toEqual(rest)
  })

  it.each([
    ['keyfile::/run/none.json', 'file "/run/none.json" cannot be read'],
    ['keyfile::env:NONE', 'environment variable "NONE" is not set'],
    ['keyfile::/run/key', 'the key file is not that of a Google service account'],
    ['keyfile::/run/user.json', 'the key file is not that of a Google service account'],
    ['keyfile::/run/odd.json', 'the key file is not that of a Google service account'],
    ['keyfile::/run/path.json', 'the key file is not that of a Google service account'],
  ])('%s is an error that repeats nothing of it', (apikey, message) => {
    const { config, problems } = read({ apikey })
    expect(config).toBeUndefined()
    expect(problems.map(({ path, message }) => [path, message])).toEqual([
      ['providers.p.apikey', message],
    ])
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  it('makes bearer tokens only', () => {
    const { problems } = read({
      apikey: 'keyfile::/run/vertex.json',
      authorization: 'x-goog-api-key',
    })
    expect(problems.map(({ message }) => message)).toEqual([
      'a key file makes bearer tokens, not "x-goog-api-key"',
    ])
  })

  it('named in the configuration is a reference, no secret in it', () => {
    const parsed = parseConfig(
      JSON.stringify({
        providers: { p: { baseurl: 'http://h', apikey: 'keyfile::/run/vertex.json' } },
      }),
      { file: 'f', env: () => undefined, readFile: (path) => files[path], exposed: true },
    )
    expect(parsed.problems.filter(({ message }) => message.includes('secret'))).toEqual([])
  })
})
