import { type ParseResult, parseConfig } from '../../src/config/parse.ts'
import type { Problem } from '../../src/config/problem.ts'

/** bcrypt at cost 4 of `owner-password`. */
export const HASH = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'

const ENVIRONMENT: { readonly [name: string]: string } = {
  KEY: 'key-from-env',
  EMPTY: '',
  HOP: 'x'.repeat(32),
  HASH,
  BASE: 'http://127.0.0.1:1234',
}
const FILES: { readonly [path: string]: string } = {
  '/run/key': 'key-from-file\n',
  '/run/two': 'one\ntwo\n',
  '/run/empty': '\n',
}

/** Parses text, or a value written as JSON, with a small fixed environment. */
export const read = (source: unknown, exposed = false): ParseResult =>
  parseConfig(typeof source === 'string' ? source : JSON.stringify(source), {
    file: 'postern.hujson',
    exposed,
    env: (name) => ENVIRONMENT[name],
    readFile: (path) => FILES[path],
  })

/** A configuration without problems, with some keys replaced. */
export const valid = (overrides: object = {}): object => ({
  users: { owner: { password: HASH } },
  ...overrides,
})

/** `line:column severity path: message` of each problem. */
export const told = (source: unknown): string[] =>
  read(source).problems.map(
    ({ line, column, severity, path, message }: Problem) =>
      `${line}:${column} ${severity} ${path}: ${message}`,
  )

/** `severity path: message`, for sources whose places do not matter. */
export const said = (source: unknown): string[] =>
  told(source).map((line) => line.slice(line.indexOf(' ') + 1))
