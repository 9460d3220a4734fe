import { quote } from '../../../config/problem.ts'
import { compileGlobs } from '../../../config/values/glob.ts'
import { nearest } from '../../../config/values/nearest.ts'
import type { Reason } from '../explain.ts'

/** A pattern that does not match any of these `provider/model` names, but nearly does: what to write instead. */
export function missesOfPattern(pattern: string, names: readonly string[]): Reason[] {
  const miss = names.map((name) => missOf(pattern, name)).find((reason) => reason !== undefined)
  return miss ? [miss] : []
}

function missOf(pattern: string, name: string): Reason | undefined {
  const slash = name.indexOf('/')
  const [provider, model] = [name.slice(0, slash), name.slice(slash + 1)]
  const matches = (glob: string, target: string) => compileGlobs([glob])(target)
  if (matches(pattern, model)) {
    const text = `the pattern ${quote(pattern)} lacks the provider: write ${quote(`${provider}/${pattern}`)}`
    return { code: 'no_provider_part', text }
  }
  if (matches(pattern.toLowerCase(), name.toLowerCase())) {
    return differs(pattern, `differs from ${quote(name)} in capital letters`)
  }
  const deep = pattern.replace(/(^|\/)\*$/, '$1**')
  if (matches(deep, name)) {
    return differs(pattern, `stops at the slash in ${quote(model)}: write ${quote(deep)}`)
  }
  const [first = '', ...rest] = pattern.split('/')
  const meant = [provider, ...rest].join('/')
  if (rest.length > 0 && matches(meant, name) && nearest(first, [provider]) !== undefined) {
    return differs(pattern, `names another provider: did you mean ${quote(meant)}?`)
  }
  if (!/[*?]/.test(pattern) && nearest(pattern, [name]) !== undefined) {
    return differs(pattern, `is nearly ${quote(name)}`)
  }
  return undefined
}

const differs = (pattern: string, how: string): Reason => ({
  code: 'pattern_differs',
  text: `the pattern ${quote(pattern)} ${how}`,
})
