import type { Family, Sample } from '../../platform/metric.ts'

/** What Prometheus, VictoriaMetrics, Grafana Alloy and the OpenTelemetry collector all read. */
export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/** The text exposition format, version 0.0.4. */
export const format = (families: readonly Family[]): string => families.map(block).join('')

const block = ({ name, help, type, samples }: Family): string =>
  `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n` +
  samples.map((sample) => line(name, sample)).join('')

const line = (name: string, { suffix = '', labels = {}, value }: Sample): string =>
  `${name}${suffix}${braces(labels)} ${number(value)}\n`

const braces = (labels: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

/** The format has no escape for a lone half of a character, and readers refuse the whole page for one. */
const escapeLabel = (text: string): string => escapeHelp(text.toWellFormed()).replaceAll('"', '\\"')

const number = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
