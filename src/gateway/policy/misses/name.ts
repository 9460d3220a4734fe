import type { GrantConfig } from '../../../config/config.ts'
import { quote } from '../../../config/problem.ts'
import { nearest } from '../../../config/values/nearest.ts'
import type { Known, Question, Reason } from '../explain.ts'
import { holdsAt, sourceNaming, unnamed } from '../sources.ts'

/** Why a grant that would help does not name the caller, where it nearly does. */
export function missesOfName(grant: GrantConfig, question: Question, known: Known): Reason[] {
  const { who, place } = question
  if (!holdsAt(grant, place.door)) {
    if (sourceNaming(grant, who, place, known.groups) === undefined) return []
    const doors = (grant.via ?? []).join(' or ')
    return [{ code: 'other_door', text: `it names them by the ${doors} door only` }]
  }
  if (grant.src.includes('*')) return notEveryone(question)
  if (who.tags !== undefined) return otherTags(grant.src, who.tags)
  return otherLogin(grant, who.login, known)
}

/** Only two kinds of callers are not everyone. */
function notEveryone({ who }: Question): Reason[] {
  if (who.shared) {
    const text =
      '"*" does not mean users of other tailnets: name their full login, or add "shared": true'
    return [{ code: 'shared_in', text }]
  }
  if (who.login !== unnamed) return []
  const text = '"*" does not mean programs without a credential: name "(loopback)"'
  return [{ code: 'loopback_unnamed', text }]
}

function otherTags(sources: readonly string[], tags: readonly string[]): Reason[] {
  const whole = tags.join(',')
  const near = sources.find((source) => source.split(',').some((tag) => tags.includes(bare(tag))))
  if (near === undefined) return []
  const given = new Set(near.split(',').map(bare))
  const same = given.size === tags.length && tags.every((tag) => given.has(tag))
  const how = same ? 'joins their tags in another way' : 'means nodes with exactly these tags'
  return [{ code: 'tags_differ', text: `${quote(near)} ${how}: write ${quote(whole)}` }]
}

const bare = (text: string): string => {
  const tag = text.trim()
  return tag.startsWith('tag:') ? tag : `tag:${tag}`
}

function otherLogin({ src }: GrantConfig, login: string, { groups }: Known): Reason[] {
  const plain = src.filter((source) => !/^(group:|tag:|\()/.test(source))
  const direct = similar(login, plain)
  if (direct !== undefined) return [loginDiffers(direct, login, '"src"')]
  for (const group of src.filter((source) => source.startsWith('group:'))) {
    const member = similar(login, groups.get(group) ?? [])
    if (member !== undefined) return [loginDiffers(member, login, quote(group))]
  }
  return []
}

const loginDiffers = (written: string, login: string, where: string): Reason => ({
  code: 'login_differs',
  text: `${quote(written)} in ${where} is not ${quote(login)}, but nearly`,
})

/** A slip of the pen, or the same name with another domain or none. */
const similar = (login: string, others: readonly string[]): string | undefined =>
  nearest(login, others) ?? others.find((other) => local(other) === local(login))

const local = (login: string): string => login.split('@')[0] ?? ''
