import type { Severity } from './texts/text.ts'
import { type FindingId, texts } from './texts.ts'

/** Parts of a set-up that are looked at, in the order in which they are shown. */
export const subjects = [
  'configuration',
  'machine',
  'gateway',
  'doors',
  'models',
  'speed',
  'webui',
  'ledger',
  'abuse',
] as const
export type Subject = (typeof subjects)[number]

/** What was found out about one thing. Holds no secret. */
export interface Finding {
  /** `subject.what`: docs/doctor.md has a section for each. */
  readonly id: FindingId | `${Subject}.fine`
  /** Which one, where there are several: a provider, a listener, a file. */
  readonly about: string
  readonly severity: Severity | 'ok'
  /** What is so, with its cause. */
  readonly says: string
  /** What to do about it; empty where nothing is to be done. */
  readonly remedy: string
}

type Texts = typeof texts

/** Names of the blanks in a text: `{provider}`. */
type Blanks<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Blanks<Rest>
  : never
type BlanksOf<Id extends FindingId> = Blanks<Texts[Id]['says']> | Blanks<Texts[Id]['remedy']>
type Values<Id extends FindingId> = { readonly [Name in BlanksOf<Id>]: string | number }

/** A finding in the words of `texts`, with their blanks filled in. */
export const finding = <Id extends FindingId>(
  id: Id,
  about: string,
  ...[values]: [BlanksOf<Id>] extends [never] ? [] : [Values<Id>]
): Finding => {
  const { severity, says, remedy } = texts[id]
  const filled = (text: string) => fill(text, values ?? {})
  return { id, about: printable(about), severity, says: filled(says), remedy: filled(remedy) }
}

/** Nothing is to be done about this. */
export const fine = (subject: Subject, about: string, says: string): Finding => ({
  id: `${subject}.fine`,
  about: printable(about),
  severity: 'ok',
  says: printable(says),
  remedy: '',
})

/** Whose findings stand together; `doctor` is for what could not be looked at. */
export const subjectOf = ({ id }: Pick<Finding, 'id'>): Subject | 'doctor' =>
  id.split('.')[0] as Subject | 'doctor'

const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replaceAll(/\{(\w+)\}/g, (blank, name) => printable(String(values[name] ?? blank)))

const longest = 500

/** Names of models and answers of servers are strangers' words: none may steer a terminal or fill a page. */
const printable = (text: string): string => {
  const safe = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return safe.length > longest ? `${safe.slice(0, longest)}…` : safe
}
