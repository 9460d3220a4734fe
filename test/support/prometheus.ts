export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * Reads a page of metrics as strictly as Prometheus does: each family once, announced before its samples, every series
 * once. Throws where it would refuse the page.
 */
export const readPage = (page: string): Series[] => {
  const types = new Map<string, string>()
  const seen = new Set<string>()
  const read: Series[] = []
  let family = ''
  if (!page.endsWith('\n')) throw new Error('the last line has no end')
  for (const line of page.slice(0, -1).split('\n')) {
    const [, name = '', type = ''] =
      /^# TYPE ([a-z_0-9]+) (counter|gauge|histogram)$/.exec(line) ?? []
    if (name !== '') {
      if (types.has(name)) throw new Error(`${name} comes twice`)
      types.set(name, type)
      family = name
    }
    if (line.startsWith('#')) continue
    const series = readSeries(line)
    const base = series.name.replace(/_(?:bucket|sum|count)$/, '')
    if (series.name !== family && !(base === family && types.get(family) === 'histogram')) {
      throw new Error(`${line} is not a sample of ${family}`)
    }
    const key = line.slice(0, line.lastIndexOf(' '))
    if (seen.has(key)) throw new Error(`${key} comes twice`)
    seen.add(key)
    read.push(series)
  }
  return read
}

const readSeries = (line: string): Series => {
  const found = /^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})? ([+-]?(?:Inf|[0-9.e+-]+))$/su.exec(line)
  if (!found) throw new Error(`cannot be read: ${line}`)
  const [, name = '', inner = '', value = ''] = found
  const pairs = [...inner.matchAll(/([a-z_]+)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/gu)]
  if (pairs.map(([whole]) => whole).join('') !== inner) throw new Error(`bad labels: ${line}`)
  const labels = pairs.map(([, key = '', text = '']) => [key, unescaped(text)] as const)
  return {
    name,
    labels: Object.fromEntries(labels),
    value: Number(value.replace('Inf', 'Infinity')),
  }
}

const unescaped = (text: string): string =>
  text.replaceAll(/\\(.)/gsu, (_, letter: string) => (letter === 'n' ? '\n' : letter))

/** The sum of all series of this name that have these labels. */
export const total = (
  page: readonly Series[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number =>
  page
    .filter((each) => each.name === name)
    .filter((each) => Object.entries(labels).every(([key, value]) => each.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0)
