import type { Problem } from '../../../config/problem.ts'
import { type Finding, finding, fine } from '../finding.ts'

/** What `postern check` says. */
export const checkConfiguration = (problems: readonly Problem[]): Finding[] =>
  problems.length === 0 ? [fine('configuration', 'file', 'it is sound')] : problems.map(asFinding)

const asFinding = ({ severity, file, line, column, path, message, remedy }: Problem): Finding => {
  const id = severity === 'error' ? 'configuration.error' : 'configuration.warning'
  return finding(id, path || file, { place: `${file}:${line}:${column}`, message, remedy })
}
