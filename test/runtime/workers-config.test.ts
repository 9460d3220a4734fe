import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { ConfigError, readConfig } from '../../src/adapter/workers/config.ts'

const file = {
  database: { url: 'libsql://ledger.example', auth_token: 'env:LIBSQL_TOKEN' },
  users: { owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' } },
}

const read = (more: object, env: object = { LIBSQL_TOKEN: 'token' }) =>
  readConfig({ POSTERN_CONFIG: JSON.stringify({ ...file, ...more }), ...env })

const problemsOf = (more: object, env?: object): string => {
  try {
    read(more, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

const openToLoopback = {
  src: ['(loopback)'],
  app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: '**' }] },
}

describe('the configuration of a Worker', () => {
  it('is hujson from a secret, with references to other secrets', () => {
    const text = `// comment\n${JSON.stringify(file).replace('}}', '}},')}`
    const { config } = readConfig({ POSTERN_CONFIG: text, LIBSQL_TOKEN: 'token' })
    expect(config.database).toEqual({ url: 'libsql://ledger.example', authToken: 'token' })
  })

  it('may be the one in the guide', async () => {
    const guide = await readFile(new URL('../../docs/workers.md', import.meta.url), 'utf8')
    const text = /```jsonc\n([\s\S]*?)```/.exec(guide)?.[1] ?? ''
    const secrets = ['LIBSQL_TOKEN', 'OPENAI_KEY', 'HOME_LOGIN']
    const { config } = readConfig({
      POSTERN_CONFIG: text,
      MY_PASSWORD_HASH: file.users.owner.password,
      ...Object.fromEntries(secrets.map((name) => [name, 'a-secret'])),
    })
    expect([...config.providers.keys()]).toEqual(['openai', 'home'])
    for (const name of [...secrets, 'MY_PASSWORD_HASH']) {
      expect(guide).toContain(`wrangler secret put ${name}`)
    }
  })

  it('takes the secret of browser sessions from a secret of its own, and none that is short', () => {
    const env = { LIBSQL_TOKEN: 'token' }
    expect(read({}, env).sessionSecret).toBeUndefined()
    const secret = 'x'.repeat(32)
    expect(read({}, { ...env, POSTERN_SESSION_SECRET: secret }).sessionSecret?.byteLength).toBe(32)
    expect(problemsOf({}, { ...env, POSTERN_SESSION_SECRET: 'x'.repeat(31) })).toContain(
      'POSTERN_SESSION_SECRET has less than 32 characters',
    )
  })

  it('tells of what is doubtful but possible', () => {
    expect(read({ users: {} }).warnings).toEqual([expect.stringContaining('no users are defined')])
    expect(read({}).warnings).toEqual([])
  })

  it('names a reference that is not set', () => {
    expect(problemsOf({}, {})).toContain('LIBSQL_TOKEN')
  })

  it.each([
    ['a database file', { database: { url: 'file:postern.db' } }, 'database.url'],
    ['no database', { database: undefined }, 'database.url'],
    ['a unix socket', { listeners: [{ name: 'a', bind: 'unix:a.sock' }] }, 'listeners'],
    ['another port', { listeners: [{ name: 'a', bind: '127.0.0.1:80' }] }, 'listeners'],
    ['Caddy in front', { front: 'caddy' }, 'front'],
    ['a grant to this machine', { grants: [openToLoopback] }, 'grants'],
  ])('refuses %s, which no Worker has', (_, more, key) => {
    expect(problemsOf(more)).toContain(`${key}: `)
  })

  it('reports everything that cannot be at once', () => {
    const problems = problemsOf({ front: 'caddy', database: { url: 'file:postern.db' } })
    expect(problems.split('\n')).toHaveLength(2)
  })
})
