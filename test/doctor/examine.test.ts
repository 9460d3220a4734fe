import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { examine, examineWithout } from '../../src/admin/doctor/examine.ts'
import { finding, fine, subjects } from '../../src/admin/doctor/finding.ts'
import { texts } from '../../src/admin/doctor/texts.ts'
import { doctorPage } from '../../src/cli/doctor/page.ts'
import { asText } from '../../src/cli/doctor/text.ts'
import type { Machine } from '../../src/platform/machine.ts'
import { startUpstream } from '../support/fake-upstream.ts'
import { startTestGateway } from '../support/gateway.ts'
import { given } from './patient.ts'

const problem = {
  severity: 'warning',
  file: 'postern.hujson',
  line: 3,
  column: 5,
  path: 'users',
  message: 'no users are defined',
  remedy: 'Run `postern user add NAME`',
} as const

const machineOf = (overrides: Partial<Machine>) => given({ machine: overrides }).machine as Machine

describe('an examination', () => {
  it('looks at every part, and tells of each when it is through', async () => {
    const done: string[] = []
    const findings = await examine(given({}), (subject) => done.push(subject))
    expect([...done].sort()).toEqual([...subjects].sort())
    const order = findings.map(({ id }) => subjects.indexOf(id.split('.')[0] as never))
    expect(order).toEqual([...order].sort((a, b) => a - b))
  })

  it('repeats what is wrong with the configuration, with its place', async () => {
    const [first] = await examine(given({ problems: [problem] }))
    expect(first).toEqual({
      id: 'configuration.warning',
      about: 'users',
      severity: 'warning',
      says: 'postern.hujson:3:5: no users are defined',
      remedy: 'Run `postern user add NAME`',
    })
  })

  it('goes on where one part breaks down', async () => {
    const facts = () => Promise.reject(new Error('no such system'))
    const findings = await examine(given({ machine: { facts } }))
    expect(findings).toContainEqual({
      id: 'doctor.unasked',
      about: 'machine',
      severity: 'unknown',
      says: 'the part machine could not be looked at: no such system',
      remedy: expect.any(String),
    })
    expect(findings.some(({ id }) => id.startsWith('models.'))).toBe(true)
  })

  it('without a usable configuration looks at the machine, and says that it is all', async () => {
    const error = { ...problem, severity: 'error' } as const
    const findings = await examineWithout([error], machineOf({}))
    expect(findings.filter(({ severity }) => severity !== 'ok').map(({ id }) => id)).toEqual([
      'configuration.error',
      'configuration.unusable',
    ])
    expect(findings.some(({ id }) => id === 'machine.fine')).toBe(true)
  })

  it('asks the machine once', async () => {
    let asked = 0
    const base = machineOf({})
    const facts = () => {
      asked++
      return base.facts()
    }
    await examine(given({ config: { webui: { url: 'http://127.0.0.1:9' } }, machine: { facts } }))
    expect(asked).toBe(1)
  })

  it('blanks out secrets, whoever wrote them into an error', async () => {
    const ask = () => Promise.reject(new Error('refused: token-of-the-database, sk-provider-key'))
    const config = {
      database: { url: 'libsql://db.example', auth_token: 'token-of-the-database' },
      providers: { gpu: { baseurl: 'http://127.0.0.1:9', apikey: 'sk-provider-key' } },
    }
    const findings = await examine(given({ config, ask }))
    expect(findings.find(({ id }) => id === 'ledger.away')?.says).toContain('[redacted]')
    expect(JSON.stringify(findings)).not.toMatch(/token-of-the-database|sk-provider-key/)
  })
})

describe('a finding', () => {
  it('lets no stranger steer a terminal', () => {
    const values = { model: 'a\u001b[2Jb\u202e', address: 'x'.repeat(600), instead: 'Get it' }
    const { says } = finding('models.not_listed', 'gp\nu', values)
    expect(says).toMatch(/^"a \[2Jb " is configured, and x{500}… does not list it$/)
  })

  it('has every blank filled, and none but known ones', () => {
    for (const [id, { says, remedy }] of Object.entries(texts)) {
      const blanks = [...(says + remedy).matchAll(/\{([^}]*)\}/g)].map(([, name]) => name)
      expect(
        blanks.filter((name) => !/^\w+$/.test(name ?? '')),
        id,
      ).toEqual([])
    }
  })

  it.each(Object.keys(texts))('%s is provoked by a test, and has a section in the page', (id) => {
    expect(doctorPage()).toContain(`### \`${id}\`\n`)
    const name = id.slice(id.indexOf('.') + 1)
    expect(provoked(id) || provoked(`'${name}'`)).toBe(true)
  })

  it('has advice in the page that is whole', () => {
    expect(doctorPage()).not.toMatch(/What to do\.\*\* ‹/)
  })
})

const sources = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
const provoked = (text: string): boolean => sources.some((source) => source.includes(text))

describe('the report', () => {
  const findings = [
    fine('machine', 'disk', '100 GiB are free'),
    finding('models.docker_host_unknown', 'dk', { port: 11434 }),
    finding('models.none_found', 'providers'),
    fine('abuse', 'bans', 'nobody is banned'),
  ]

  it('shows what is wrong, aligned and within the width, and counts what is fine', () => {
    const lines = asText(findings, { all: false, width: 80 }).split('\n')
    expect(lines[0]).toBe('MODELS')
    expect(lines[1]).toMatch(/^ {2}error {4}dk {9}the name host/)
    expect(lines.filter((line) => line.includes('→'))).toHaveLength(2)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(lines.at(-2)).toBe('1 error, 1 warning, 2 checks fine')
  })

  it('shows what is fine where that is wanted', () => {
    expect(asText(findings, { all: true, width: 80 })).toMatch(/ok +disk +100 GiB are free/)
  })
})

describe('GET /postern/api/doctor', () => {
  const ask = async (url: string, user = 'owner') =>
    fetch(`${url}/postern/api/doctor`, {
      headers: { authorization: `Basic ${btoa(`${user}:${user}-password`)}` },
    })

  it('tells admins what the gateway sees', async () => {
    const upstream = await startUpstream({ models: ['other'] })
    const gateway = await startTestGateway({
      providers: {
        local: { baseurl: upstream.url, models: ['othr'], apikey: 'sk-very-secret' },
        gone: { baseurl: 'http://127.0.0.1:9', apikey: 'sk-also-secret' },
      },
    })
    onTestFinished(async () => {
      await gateway.stop()
      await upstream.stop()
    })
    const answer = await ask(gateway.url)
    const text = await answer.text()
    const { ok, findings } = JSON.parse(text) as { ok: boolean; findings: object[] }
    expect(ok).toBe(false)
    expect(findings).toContainEqual(
      expect.objectContaining({ id: 'models.not_listed', subject: 'models', about: 'local' }),
    )
    expect(findings).toContainEqual(expect.objectContaining({ about: 'gone', severity: 'error' }))
    expect(text).not.toMatch(/sk-/)
  })

  it('is for admins, and is made once for all who ask meanwhile', async () => {
    const upstream = await startUpstream()
    const gateway = await startTestGateway({ providers: { local: { baseurl: upstream.url } } })
    onTestFinished(async () => {
      await gateway.stop()
      await upstream.stop()
    })
    expect((await ask(gateway.url, 'alice')).status).toBe(403)
    upstream.requests.splice(0)
    await Promise.all([1, 2, 3, 4].map(() => ask(gateway.url)))
    const lists = upstream.requests.filter(({ path }) => path === '/v1/models')
    expect(lists.length).toBeLessThan(4)
  })
})
