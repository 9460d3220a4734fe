import { describe, expect, it } from 'vitest'
import { completion, doorsForFile, laptop, phone } from '../support/doors.ts'

const cap = 'tailscale.com/cap/aperture'

describe('a budget for each device', () => {
  const doors = doorsForFile({
    quotas: { 'dev:<node>': { capacity: '2 requests' } },
    grants: [
      {
        src: ['*'],
        app: { [cap]: [{ role: 'user', models: '**', quotas: [{ bucket: 'dev:<node>' }] }] },
      },
    ],
  })

  it('is not full again because the device has another name', async () => {
    const { front, tailscaled, pass } = doors.now
    const rename = (to: string) => {
      const at = tailscaled.people.findIndex(({ addresses }) => addresses.includes(phone))
      const device = tailscaled.people[at]
      if (device) tailscaled.people[at] = { ...device, name: to }
      pass(31_000)
    }
    const statuses: number[] = []
    for (const name of ['phone', 'phone-2', 'phone-3']) {
      rename(name)
      statuses.push((await front.ask(phone, completion())).status)
    }
    expect(statuses).toEqual([200, 200, 429])
    expect((await front.ask(laptop, completion())).status).toBe(200)
  })
})
