import { existsSync, readFileSync } from 'node:fs'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { formatProblem } from '../../src/config/problem.ts'

/** Passwords of the users in `testConfig`: bcrypt at cost 4, so that a check takes a millisecond. */
export const TEST_PASSWORDS = {
  owner: 'owner-password',
  alice: 'alice-password',
  bob: 'bob-password',
} as const

/** `owner` is admin with every model; `alice` may use `local/**`; `bob` can sign in and has no grant. */
const TEST_FILE = {
  listeners: [{ name: 'local', bind: '127.0.0.1:0' }],
  providers: { local: { baseurl: 'http://127.0.0.1:9', models: ['local-llm'] } },
  users: {
    owner: { password: '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS' },
    alice: {
      password: '$2b$04$otTxTBeBJNqjnjxpr8AYnu1j4/5qlDBrWBQDEdm17/4x74JmGbRm6',
      login: 'alice@example.com',
      groups: ['group:family'],
    },
    bob: { password: '$2b$04$n3mhc6MVrV1D/iKLYXB24Obnl87nnlYUSIEOZ750jwsjodtPmAAqe' },
  },
  grants: [
    { src: ['owner'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin', models: '**' }] } },
    {
      src: ['group:family'],
      app: { 'tailscale.com/cap/aperture': [{ role: 'user', models: 'local/**' }] },
    },
  ],
}

/**
 * A parsed configuration for tests: the defaults, a listener on a free port, the provider `local` and three users.
 * Overrides are top-level keys as written in the file (`{ limits: { body: '1KiB' } }`), and replace the key whole.
 * Throws when they are not valid.
 */
export function testConfig(overrides: { readonly [key: string]: unknown } = {}): Config {
  const text = JSON.stringify({ ...TEST_FILE, ...overrides })
  const { config, problems } = parseConfig(text, {
    file: 'test.hujson',
    env: () => undefined,
    readFile: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
  })
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  return config
}
