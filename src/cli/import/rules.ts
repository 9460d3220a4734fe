import type { Finding, Json, Path } from '../../config/problem.ts'
import { valueAt } from '../../config/read/remainder.ts'
import { WITHOUT_EFFECT as IDLE_SECTIONS } from '../../config/schema/aperture.ts'
import { CAPABILITY, WITHOUT_EFFECT as IDLE_KEYS } from '../../config/schema/grants.ts'
import { isObject } from './json.ts'
import type { Change } from './take-out.ts'

/** A bucket that lets nothing pass, for references that lead to none: Aperture answers 429 there as well. */
export const CLOSED = 'not-taken-over'

/** RFC 6761: no resolver knows the name, so a guard at this address always fails. */
const NOWHERE = 'https://hook.invalid/'

/** Undefined: it may stay in the file, and the report names it. */
type Rule = (finding: Finding, root: Json) => Change | undefined

/**
 * What becomes of a place that is wrong. Nothing that is granted grows by it: a guard that fails closed goes on refusing,
 * a budget that cannot be read lets nothing pass, and an entry whose models cannot be read goes for none instead of all.
 */
export const changeFor: Rule = (finding, root) => {
  const path = existing(finding.path, root)
  if (finding.message.startsWith('unknown config key')) return comment(finding, finding.path)
  const rule = rules[String(finding.path[0])]
  if (rule && (finding.path.length > 1 || rule === whole)) return rule(finding, root)
  return finding.severity === 'error' ? comment(finding, path) : undefined
}

const comment = ({ message }: Finding, path: Path): Change => ({ path, reason: message })

const replace = ({ message }: Finding, path: Path, put: Json): Change => ({
  path,
  reason: message,
  put,
})

/** The longest part of a path that is there. */
const existing = (path: Path, root: Json): Path => {
  let length = path.length
  while (length > 0 && valueAt(root, path.slice(0, length)) === undefined) length--
  return path.slice(0, length)
}

const ofProvider: Rule = (finding, root) => {
  const { path, severity } = finding
  const [, , key] = path
  switch (key) {
    case undefined:
    case 'baseurl':
      // Without one there is nothing to ask.
      return comment(finding, path.slice(0, 2))
    case 'compatibility':
      return comment(finding, severity === 'error' ? existing(path, root) : path.slice(0, 2))
    case 'models':
      return comment(finding, existing(path, root))
    case 'disabled':
      return replace(finding, path, true)
    case 'auth_mode':
      // Not the configured key, which every caller would use then.
      return replace(finding, path, 'none')
    default:
      return severity === 'error' ? comment(finding, existing(path, root)) : undefined
  }
}

const ofHook: Rule = (finding, root) => {
  const { path, severity } = finding
  const [, name = '', key] = path
  const hook = valueAt(root, ['hooks', name])
  if (key === undefined || (key === 'url' && severity === 'error')) {
    const guards = isObject(hook) && hook.fail_policy === 'fail_closed' && hook.disabled !== true
    return guards
      ? replace(finding, ['hooks', name, 'url'], NOWHERE)
      : comment(finding, ['hooks', name])
  }
  if (severity === 'warning') return undefined
  return key === 'fail_policy'
    ? replace(finding, path, 'fail_closed')
    : comment(finding, existing(path, root))
}

const ofQuota: Rule = (finding, root) => {
  const { path } = finding
  const name = path.slice(0, 2)
  const unreadable = finding.message.includes('unsupported template')
  if (unreadable || valueAt(root, name) === undefined) return comment(finding, name)
  return replace(finding, name, { capacity: '$0.00' })
}

const ofGrant: Rule = (finding, root) => {
  const { path, severity } = finding
  const [, index = 0, key, name, , entryKey] = path
  if (key === 'src') return ofSource(finding, root)
  if (key === 'app' && name === CAPABILITY && entryKey !== undefined) return ofEntry(finding, root)
  if (key === 'ip' || (key === 'app' && name !== undefined)) {
    return comment(finding, existing(path, root))
  }
  return severity === 'error' ? comment(finding, ['grants', Number(index)]) : undefined
}

const ofSource: Rule = (finding, root) => {
  const { path, message } = finding
  const source = valueAt(root, path)
  if (typeof source === 'string' && source.startsWith('group:') && message.includes('no members')) {
    return { path: ['groups', source], reason: 'write who is in it', put: [] }
  }
  if (message.includes('while "mode" is "local"') || message.startsWith('no user has')) {
    return undefined
  }
  if (path.length > 3) return comment(finding, path)
  return source === undefined
    ? comment(finding, path.slice(0, 2))
    : replace(finding, path.slice(0, 3), [])
}

const ofEntry: Rule = (finding, root) => {
  const { path, message, severity } = finding
  const key = String(path[5])
  const value = path.slice(0, 6)
  switch (key) {
    case 'models':
      // Gone, it would make the rest of the entry go for every model.
      return path.length > 6 ? comment(finding, path) : replace(finding, value, [])
    case 'quotas':
      if (message.includes('counts dollars')) return undefined
      return path.length > 6
        ? replace(finding, path.slice(0, 7), { bucket: CLOSED })
        : replace(finding, value, [{ bucket: CLOSED }])
    case 'send_hooks':
      return comment(
        finding,
        /undefined hook/.test(message) ? path.slice(0, 7) : existing(path, root),
      )
    default:
      return severity === 'error' || IDLE_KEYS.includes(key)
        ? comment(finding, existing(path, root))
        : undefined
  }
}

const ofDatabase: Rule = (finding, root) =>
  finding.severity === 'error' || finding.path.length === 2
    ? comment(finding, existing(finding.path, root))
    : undefined

const ofExporters: Rule = (finding, root) =>
  finding.severity === 'error'
    ? comment(finding, existing(finding.path.slice(0, 2), root))
    : undefined

const whole: Rule = (finding) => comment(finding, finding.path.slice(0, 1))

const rules: Readonly<Record<string, Rule>> = {
  providers: ofProvider,
  hooks: ofHook,
  quotas: ofQuota,
  grants: ofGrant,
  database: ofDatabase,
  exporters: ofExporters,
  ...Object.fromEntries(IDLE_SECTIONS.map((section) => [section, whole])),
}
