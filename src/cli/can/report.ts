import { styleText } from 'node:util'
import type { Mode } from '../../config/config.ts'
import type { Explanation } from '../../gateway/policy/explain.ts'
import { table } from '../table.ts'
import type { Answer } from './can.ts'
import type { GrantPlace } from './places.ts'

export interface Asked {
  readonly who: string
  readonly model: string
  /** At least one. */
  readonly answers: readonly Answer[]
  readonly places: (index: number) => GrantPlace
  readonly mode: Mode
}

/** The answer in words, for a terminal of 80 columns. Doors that agree are told of together. */
export function report(asked: Asked): string {
  const parts = grouped(asked.answers).map((answers) => part(asked, answers))
  const allowed = asked.answers.some((answer) => answer.allowed)
  const elsewhere =
    !allowed && asked.mode !== 'local'
      ? ['Grants of the tailnet’s own policy are not seen from here.\n']
      : []
  return [...parts, ...elsewhere].join('\n')
}

function grouped(answers: readonly Answer[]): Answer[][] {
  const groups = new Map<string, Answer[]>()
  for (const answer of answers.toSorted((a, b) => Number(b.allowed) - Number(a.allowed))) {
    const { door, ...rest } = answer
    const key = JSON.stringify(rest)
    groups.set(key, [...(groups.get(key) ?? []), answer])
  }
  return [...groups.values()]
}

function part({ who, model, answers: all, places }: Asked, answers: readonly Answer[]): string {
  const [answer] = answers
  if (!answer) return ''
  const doors = answers.map(({ door }) => door).join(', ')
  const by =
    answers.length === all.length && all.length > 1
      ? 'any door'
      : `door${answers.length > 1 ? 's' : ''} ${doors}`
  const subject = `${shown(who)} may${answer.allowed ? '' : ' not'} use ${shown(model)} (${by})`
  const head = answer.allowed ? styleText('green', 'yes') : styleText('red', 'no')
  const body = answer.allowed ? grounds(answer, places) : whyNot(answer, places)
  return `${head}: ${subject}\n\n${body}`
}

function grounds({ role, routes }: Explanation, places: Asked['places']): string {
  const rows = routes.map(({ provider, model, grant, source, pattern }) => [
    `${provider}/${model}`,
    ...placeOf(places(grant)),
    source,
    pattern,
  ])
  const last = role ? [[`role ${role.name}`, ...placeOf(places(role.grant)), role.source, '']] : []
  return table(
    [
      { name: 'may use' },
      { name: 'grant' },
      { name: 'line', numeric: true },
      { name: 'source' },
      { name: 'pattern' },
    ],
    [...rows, ...last],
  )
}

function whyNot({ reasons }: Explanation, places: Asked['places']): string {
  const rows = reasons.flatMap(({ text, grant }) => {
    const [name, line] = grant === undefined ? ['', ''] : placeOf(places(grant))
    return wrap(text).map((part, at) => (at === 0 ? [name, line, part] : ['', '', part]))
  })
  return table(
    [{ name: 'grant' }, { name: 'line', numeric: true }, { name: 'why not' }],
    rows as string[][],
  )
}

const placeOf = ({ name, line }: GrantPlace): [string, string] => [name, String(line ?? '-')]

/** Columns for a sentence beside the grant and its line. */
const width = 56

function wrap(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else {
      lines.push(word)
    }
  }
  return lines
}

const shown = (text: string): string => text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
