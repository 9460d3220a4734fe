import type { Provider } from '../../../../platform/upstream.ts'
import { originPort, reachedFromOutside } from '../../addresses.ts'
import { type Finding, finding } from '../../finding.ts'
import type { Given } from '../../given.ts'

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
