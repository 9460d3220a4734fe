import { onTestFinished } from 'vitest'
import { connects, upgrade } from '../../src/adapter/node/doctor/sockets.ts'
import { createTransport } from '../../src/adapter/node/http/transport.ts'
import type { Check, Given } from '../../src/admin/doctor/given.ts'
import { withDemo } from '../../src/gateway/upstream/demo.ts'
import { createRegistry } from '../../src/gateway/upstream/registry.ts'
import type { Machine, MachineFacts } from '../../src/platform/machine.ts'
import { testConfig } from '../support/config.ts'

/** A machine where all is well. */
export const healthy: MachineFacts = {
  node: '26.10.0',
  user: 'postern',
  freeMemory: 8 * 1024 ** 3,
  data: {
    path: '/var/lib/postern',
    exists: true,
    writable: true,
    free: 100 * 1024 ** 3,
    exposed: [],
    journal: 0,
    rejected: 0,
  },
  addresses: [],
  container: false,
  published: [],
  running: true,
}

export interface Patient extends Partial<Omit<Given, 'config' | 'machine'>> {
  /** Top-level keys of the configuration. */
  readonly config?: { readonly [key: string]: unknown }
  readonly facts?: Partial<MachineFacts>
  readonly data?: Partial<MachineFacts['data']>
  /** Laid over a machine that tells `facts`, and reaches real sockets. */
  readonly machine?: Partial<Machine>
}

/** What a check is given: a real transport and sockets, a machine that tells what the test says. */
export const given = ({ config = {}, facts = {}, data = {}, machine, ...rest }: Patient): Given => {
  const parsed = testConfig(config)
  const transport = createTransport()
  onTestFinished(() => transport.close())
  const send = withDemo(transport.send)
  const clock = { now: () => Date.now(), elapsed: () => performance.now() }
  const told = { ...healthy, ...facts, data: { ...healthy.data, ...data } }
  return {
    config: parsed,
    problems: [],
    providers: createRegistry({ send, clock, log: () => {} }, parsed).providers(),
    clock,
    send,
    localApi: undefined,
    ask: undefined,
    machine: {
      facts: async () => told,
      ledger: async () => undefined,
      redis: async () => undefined,
      connects,
      ask: async () => {
        throw new Error('the test has no gateway')
      },
      upgrade,
      exposed: async () => undefined,
      absolute: (path) => path,
      ...machine,
    },
    ...rest,
  }
}

/** What a check says, without what is fine, a line for each: `error models.refused gpu`. */
export const complaints = async (check: Check, patient: Patient): Promise<string[]> => {
  const findings = await check(given(patient))
  return findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ severity, id, about }) => `${severity} ${id} ${about}`)
}
