import type { Provider } from '../../upstream/upstream.ts'
import { type Finding, finding } from '../finding.ts'
import type { Given } from '../given.ts'
import type { Machine } from '../machine.ts'
import { hostOf, isLoopback, originPort, outwardAddresses } from './addresses.ts'

/** Where something that is meant for loopback can be reached from elsewhere. */
export const reachedFromOutside = async (
  url: string,
  machine: Machine | undefined,
): Promise<string[]> => {
  if (machine === undefined || !isLoopback(hostOf(url))) return []
  const candidates = outwardAddresses(await machine.facts())
  const reached = await Promise.all(
    candidates.map((address) => machine.connects(address, originPort(url))),
  )
  return candidates.filter((_, at) => reached[at])
}

/** A server with a key of its own guards itself. */
export const exposedModels = async (
  { id, baseurl, apikey, server = 'the model server' }: Provider,
  { machine }: Given,
): Promise<Finding[]> => {
  if (apikey !== '') return []
  const addresses = await reachedFromOutside(baseurl, machine)
  if (addresses.length === 0) return []
  const values = { server, port: originPort(baseurl), addresses: addresses.join(', ') }
  return [finding('models.exposed', id, values)]
}
