import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { actOf } from '../../src/cli/act.ts'
import { usageRow } from '../store/fixtures.ts'
import { type Site, startSite, type Visitor } from './browser.ts'
import { type SeededStore, seededStore } from './ledger.ts'

let seeded: SeededStore
let site: Site
let owner: Visitor
beforeAll(async () => {
  seeded = await seededStore([usageRow()])
  vi.spyOn(process as { geteuid(): number }, 'geteuid').mockReturnValue(0)
  vi.stubEnv('SUDO_USER', 'ana')
  await seeded.store.record(actOf({ action: 'user.add', target: 'bob', detail: '{"login":"bob"}' }))
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  site = await startSite({}, { platform: { store: seeded.store } })
  owner = await site.visitor('owner')
})
afterAll(async () => {
  await site.gateway.stop()
  await seeded.stop()
})

it('shows what a command did, and which user of the system ran it under sudo', async () => {
  const page = await owner.read('/ui/audit')
  for (const text of ['(sudo by ana)', 'command line', 'user.add', 'bob']) {
    expect(page).toContain(text)
  }
  expect(await owner.read('/ui/audit?csv')).toContain('(sudo by ana)')
})

it('answers the same over the API', async () => {
  const { data } = JSON.parse(await owner.read('/postern/api/audit'))
  expect(data).toContainEqual(
    expect.objectContaining({
      login: expect.stringMatching(/ \(sudo by ana\)$/),
      credential_id: 'command line',
      door: 'local',
      client_ip: '',
      action: 'user.add',
      target: 'bob',
      outcome: 'done',
    }),
  )
})
