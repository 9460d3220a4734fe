import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createMachine } from '../../src/adapter/node/doctor/doctor.ts'
import { checkMachine } from '../../src/admin/doctor/checks/machine.ts'
import type { Check } from '../../src/admin/doctor/given.ts'
import { testConfig } from '../support/config.ts'
import { complaints, given, type Patient } from './patient.ts'

const said = (patient: Patient) => complaints(checkMachine as Check, patient)
const MiB = 1024 * 1024
const config = () => testConfig({})

/** This machine, with a data folder of the test's making. */
const here = async (dataDir: string) => {
  return createMachine({ dataDir, config, running: async () => false })
}
const folder = async (mode: number) => {
  const path = await mkdtemp(join(tmpdir(), 'doctor-data-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await chmod(path, mode)
  return path
}

describe('the machine', () => {
  it.each([
    ['an old Node', { facts: { node: '24.13.1' } }, 'warning machine.node_old Node'],
    ['little memory', { facts: { freeMemory: 200 * MiB } }, 'warning machine.memory_low memory'],
    ['little room', { data: { free: 500 * MiB } }, 'warning machine.disk_low disk'],
    ['no room', { data: { free: 99 * MiB } }, 'error machine.disk_full disk'],
    ['a closed folder', { data: { writable: false } }, 'error machine.data_closed data'],
    ['an open ledger', { data: { exposed: ['postern.db'] } }, 'warning machine.data_exposed data'],
  ] as const)('has %s', async (_, patient, line) => {
    expect(await said(patient)).toEqual([line])
  })

  it.each([
    ['24.14.0', []],
    ['26.10.0', []],
  ])('has a good Node %s', async (node, lines) => {
    expect(await said({ facts: { node } })).toEqual(lines)
  })

  it('is fine in all that is counted', async () => {
    const findings = await checkMachine(given({}))
    expect(findings.map(({ about }) => about)).toEqual(['Node', 'memory', 'disk', 'data'])
  })

  it('cannot tell of a disk where the system does not', async () => {
    expect(await said({ data: { free: undefined } })).toEqual([])
  })
})

describe('what Node tells of this machine', () => {
  it('knows itself, its room and its addresses', async () => {
    const facts = await (await here(await folder(0o700))).facts()
    expect(facts.node).toBe(process.versions.node)
    expect(facts.freeMemory).toBeGreaterThan(0)
    expect(facts.data).toMatchObject({ exists: true, writable: true, exposed: [], journal: 0 })
    expect(facts.data.free).toBeGreaterThan(0)
    expect(facts.addresses.map(({ address }) => address)).not.toContain('127.0.0.1')
    expect(facts.running).toBe(false)
  })

  it('finds files that everybody can read, where everybody may enter', async () => {
    const path = await folder(0o755)
    await writeFile(join(path, 'postern.db'), '', { mode: 0o644 })
    await writeFile(join(path, 'signing-key.json'), '', { mode: 0o600 })
    await writeFile(join(path, 'ledger.lock'), '', { mode: 0o644 })
    await mkdir(join(path, 'other'))
    expect((await (await here(path)).facts()).data.exposed).toEqual(['postern.db'])
    await chmod(path, 0o700)
    expect((await (await here(path)).facts()).data.exposed).toEqual([])
  })

  it('counts what waits for the database', async () => {
    const path = await folder(0o700)
    await writeFile(join(path, 'ledger.journal'), 'x'.repeat(100))
    await writeFile(join(path, 'ledger.rejected'), 'x'.repeat(10))
    expect((await (await here(path)).facts()).data).toMatchObject({ journal: 100, rejected: 10 })
  })

  it('judges a data folder that is not there by where it would be made', async () => {
    const path = join(await folder(0o700), 'not', 'yet')
    const { data } = await (await here(path)).facts()
    expect(data).toMatchObject({ path, exists: false, writable: true, exposed: [] })
  })

  it('sees that it may not write, which only root always may', async () => {
    const { data } = await (await here(await folder(0o500))).facts()
    expect(data.writable).toBe(process.getuid?.() === 0)
  })

  it('does not fail when nobody can tell whether a gateway runs', async () => {
    const running = () => Promise.reject(new Error('no rights'))
    const machine = createMachine({ dataDir: await folder(0o700), config, running })
    expect((await machine.facts()).running).toBeUndefined()
  })
})
