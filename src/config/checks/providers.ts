import { dialectsOf } from '../build.ts'
import { error, type Finding, keyError, type Path, quote, warning } from '../problem.ts'
import type { ConfigFile } from '../schema.ts'
import { isLoopbackHost } from '../values/bind.ts'
import type { Declared } from './check.ts'

type Provider = ConfigFile['providers'][string]

/** Flags that mean something in this version. */
const DIALECTS = new Set(['openai_chat', 'openai_responses', 'anthropic_messages'])

export function checkProviders(file: ConfigFile, declared: Declared): Finding[] {
  return [
    ...declared.providers.flatMap(checkId),
    ...Object.entries(file.providers).flatMap(([id, provider]) => [
      ...checkFlags(id, provider),
      ...checkModels(id, provider),
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
  const path = ['providers', id, 'compatibility']
  const findings = Object.entries(compatibility)
    .filter(([name, on]) => on && !DIALECTS.has(name))
    .map(([name]) =>
      warning([...path, name], `${name} has no effect in this version`, 'Remove it for now'),
    )
  if (dialectsOf(compatibility).size > 0) return findings
  const message = `provider ${id} understands no request: every flag is off`
  return [warning(path, message, 'Turn a flag on, or write "disabled": true'), ...findings]
}

function checkModels(id: string, { models }: Provider): Finding[] {
  const findings: Finding[] = []
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
