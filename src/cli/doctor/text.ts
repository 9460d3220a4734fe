import { styleText } from 'node:util'
import { type Finding, subjectOf } from '../../admin/doctor/finding.ts'

export interface TextOptions {
  /** What is fine, too. */
  readonly all: boolean
  /** Columns of the terminal. */
  readonly width: number
}

/**
 * An aligned table, a group for each part: what is wrong with which one, and below it what to do. What is fine is
 * counted in one line.
 */
export const asText = (findings: readonly Finding[], { all, width }: TextOptions): string => {
  const shown = findings.filter(({ severity }) => all || severity !== 'ok')
  const about = Math.min(24, Math.max(0, ...shown.map((each) => each.about.length)))
  const groups = Map.groupBy(shown, subjectOf)
  const blocks = [...groups].map(([subject, members]) =>
    [subject.toUpperCase(), ...members.flatMap((each) => lines(each, about, width))].join('\n'),
  )
  return `${[...blocks, summary(findings)].join('\n\n')}\n`
}

const colours = { ok: 'green', warning: 'yellow', error: 'red', unknown: 'gray' } as const

/** As wide as the longest of them, and two spaces on either side. */
const severityWidth = 9

const lines = ({ severity, about, says, remedy }: Finding, widest: number, width: number) => {
  const indent = 2 + severityWidth + widest + 2
  const room = Math.max(30, width - indent)
  const coloured = styleText(colours[severity], severity.padEnd(severityWidth))
  const [first = '', ...rest] = wrap(says, room)
  const advice = remedy === '' ? [] : wrap(remedy, room - 2)
  const own = advice.map((line, at) => (at === 0 ? `→ ${line}` : `  ${line}`))
  const name = about.length > widest ? `${about.slice(0, widest - 1)}…` : about
  return [
    `  ${coloured}${name.padEnd(widest)}  ${first}`,
    ...[...rest, ...own].map((line) => `${' '.repeat(indent)}${line}`),
  ]
}

/** Lines of at most so many columns; a longer word has one to itself. */
const wrap = (text: string, columns: number): string[] => {
  const wrapped: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      wrapped.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...wrapped, line]
}

const summary = (findings: readonly Finding[]): string => {
  const count = (wanted: Finding['severity']): number =>
    findings.filter(({ severity }) => severity === wanted).length
  const some = (number: number, one: string, many: string): string[] =>
    number === 0 ? [] : [`${number} ${number === 1 ? one : many}`]
  return [
    ...some(count('error'), 'error', 'errors'),
    ...some(count('warning'), 'warning', 'warnings'),
    ...some(count('unknown'), 'not looked at', 'not looked at'),
    `${count('ok')} checks fine`,
  ].join(', ')
}
