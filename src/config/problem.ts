import type { Node } from 'jsonc-parser'

/** One thing wrong with a configuration file, with its place and what to do about it. */
export interface Problem {
  /** An error stops the gateway from starting; a warning stops only `postern check`. */
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 code units. */
  readonly column: number
  /** Key path, e.g. `listeners[0].bind`; empty for the document as a whole. */
  readonly path: string
  readonly message: string
  readonly remedy: string
}

/** A key path as segments; the empty one is the document. */
export type Path = readonly (string | number)[]

/** A problem whose place is still a key path. Never holds the value of a secret. */
export interface Finding {
  readonly severity: 'error' | 'warning'
  readonly path: Path
  readonly message: string
  readonly remedy: string
  /** Character offset, when the path alone does not lead there (a syntax error, the second of two equal keys). */
  readonly offset?: number
  /** The name of the key is wrong, not its value. */
  readonly about?: 'key'
}

/** A value from the file before validation. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** The file as read: its text, its tree with places, its value. */
export interface Source {
  readonly text: string
  readonly root: Node | undefined
  readonly value: Json | undefined
  readonly findings: readonly Finding[]
}

export const error = (path: Path, message: string, remedy: string): Finding => ({
  severity: 'error',
  path,
  message,
  remedy,
})

export const warning = (path: Path, message: string, remedy: string): Finding => ({
  severity: 'warning',
  path,
  message,
  remedy,
})

/** An error in the name of a key, so its place is the key. */
export const keyError = (path: Path, message: string, remedy: string): Finding => ({
  ...error(path, message, remedy),
  about: 'key',
})

/** Key path as people write it: `providers.gpu.models[0]`, `app["tailscale.com/cap/aperture"]`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`
    else if (!/^[\w-]+$/.test(segment)) text += `[${quote(segment)}]`
    else text += text === '' ? segment : `.${segment}`
  }
  return text
}

/** For text from the file in a message: cut short, and nothing in it can steer a terminal or forge a log line. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 79)}…` : text
  const escaped = short.replace(/["\\]|[^\P{C}]|[\p{Zl}\p{Zp}]/gu, (c) =>
    c === '"' || c === '\\' ? `\\${c}` : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}

/** `file:line:column: severity: path: message (remedy)`, one line. */
export const formatProblem = (problem: Problem): string => {
  const path = problem.path === '' ? '' : `${problem.path}: `
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return `${place}: ${problem.severity}: ${path}${problem.message}. ${problem.remedy}`
}
