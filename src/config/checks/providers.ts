import { dialectsOf } from '../build/providers.ts'
import { error, type Finding, keyError, type Path, quote, warning } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import { isLoopbackHost } from '../values/bind.ts'
import type { Declared } from './check.ts'

type Provider = ConfigFile['providers'][string]

export function checkProviders(file: ConfigFile, declared: Declared): Finding[] {
  return [
    ...declared.providers.flatMap(checkId),
    ...Object.entries(file.providers).flatMap(([id, provider]) => [
      ...checkFlags(id, provider),
      ...checkKey(id, provider),
      ...checkModels(id, provider),
      ...checkPrices(id, provider),
      ...pointsBack(provider.baseurl, ['providers', id, 'baseurl'], file),
    ]),
    ...(file.webui ? pointsBack(file.webui.url, ['webui', 'url'], file) : []),
  ]
}

/** Ids are the first segment of `provider/model`, so a slash or a star would change what grants mean. */
function checkId(id: string): Finding[] {
  if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(id)) return []
  const remedy = 'Use 1 to 64 letters, digits, dots, dashes and underscores'
  return [keyError(['providers', id], `${quote(id)} cannot be a provider id`, remedy)]
}

function checkFlags(id: string, { compatibility }: Provider): Finding[] {
  if (dialectsOf(compatibility).size > 0) return []
  const path = ['providers', id, 'compatibility']
  const message = `provider ${id} understands no request: every flag is off`
  return [warning(path, message, 'Turn a flag on, or write "disabled": true')]
}

/** A service account's key proves itself as a bearer token and no other way; the header would be another one. */
function checkKey(id: string, { apikey, authorization }: Provider): Finding[] {
  if (typeof apikey === 'string' || authorization === 'bearer') return []
  const message = `a key file makes bearer tokens, not ${quote(authorization)}`
  const remedy = 'Remove "authorization", or write the key itself'
  return [error(['providers', id, 'authorization'], message, remedy)]
}

/** Vertex and Bedrock have no list under the address that models are asked at. */
const UNLISTED: ReadonlySet<string> = new Set([
  'google_generate_content',
  'google_raw_predict',
  'bedrock_model_invoke',
  'bedrock_converse',
])

function checkModels(id: string, { models, compatibility, disabled }: Provider): Finding[] {
  const findings: Finding[] = []
  const dialects = [...dialectsOf(compatibility)]
  const unlisted = dialects.length > 0 && dialects.every((dialect) => UNLISTED.has(dialect))
  if (unlisted && !disabled && models.every((model) => model === '*')) {
    const message = `provider ${id} cannot be asked for its models`
    findings.push(warning(['providers', id, 'models'], message, 'List their exact ids'))
  }
  if (models.includes('*') && models.length > 1) {
    const message = '"*" stands for the provider’s whole list'
    findings.push(error(['providers', id, 'models'], message, 'Write ["*"] alone, or exact ids'))
  }
  for (const [index, model] of models.entries()) {
    if (models.indexOf(model) === index) continue
    const path = ['providers', id, 'models', index]
    findings.push(warning(path, `${quote(model)} is listed twice`, 'Remove one'))
  }
  return findings
}

function checkPrices(id: string, { prices }: Provider): Finding[] {
  return Object.entries(prices).flatMap(([model, { watts, kwh }]) => {
    if ((watts === undefined) === (kwh === undefined)) return []
    const [there, missing] = watts === undefined ? ['kwh', 'watts'] : ['watts', 'kwh']
    const message = `"${there}" is not a price without "${missing}"`
    const remedy = 'Write both: they are multiplied'
    return [error(['providers', id, 'prices', model, there], message, remedy)]
  })
}

/** A gateway that asks itself would ask for ever. */
function pointsBack(address: string, path: Path, { listeners }: ConfigFile): Finding[] {
  const { hostname, port, protocol } = new URL(address)
  const number = Number(port || (protocol === 'https:' ? 443 : 80))
  if (!isLoopbackHost(hostname)) return []
  const own = listeners.find(({ bind }) => bind.kind === 'tcp' && bind.port === number)
  if (!own) return []
  const message = `this is Postern’s own listener ${quote(own.name)}`
  return [error(path, message, 'Write the address of the other server')]
}
