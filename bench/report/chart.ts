import { number } from './format.ts'
import type { Summary } from './summary.ts'

const width = 760
const label = 210
const row = 24
const head = 44

interface Panel {
  readonly title: string
  readonly of: (summary: Summary) => number | undefined
}

const panels: readonly Panel[] = [
  { title: 'Requests per second on one core (more is better)', of: ({ rate }) => rate },
  {
    title: 'Milliseconds added to the first token, 100 streams, p50 (less is better)',
    of: ({ addedFirst }) => addedFirst?.p50,
  },
  {
    title: 'Memory when idle, MB (less is better)',
    of: ({ idle }) => (idle === undefined ? undefined : idle / 1e6),
  },
]

/** Bars for each peer, as an SVG that follows the reader's light or dark page. */
export const chart = (summaries: readonly Summary[]): string => {
  const shown = summaries.filter(({ name }) => name !== 'direct')
  let y = 8
  const parts: string[] = []
  for (const panel of panels) {
    const bars = shown.flatMap((summary) => {
      const value = panel.of(summary)
      return value === undefined ? [] : [{ summary, value: Math.max(0, value) }]
    })
    parts.push(`<text class="t" x="0" y="${y + 18}">${panel.title}</text>`)
    const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
    bars.forEach(({ summary, value }, i) => {
      parts.push(
        bar(summary, value, (value / most) * (width - label - 70), y + head + i * row - 10),
      )
    })
    y += head + bars.length * row + 8
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="Postern beside other gateways">
<style>
text{font:13px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600}.b{fill:#8c959f}.o{fill:#0969da}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#6e7681}.o{fill:#4493f8}}
</style>
${parts.join('\n')}
</svg>
`
}

const bar = ({ name, title }: Summary, value: number, length: number, y: number): string => {
  const kind = name.startsWith('postern') ? 'o' : 'b'
  const end = label + Math.max(1, length)
  return [
    `<text x="${label - 8}" y="${y + 13}" text-anchor="end">${title}</text>`,
    `<rect class="${kind}" x="${label}" y="${y + 2}" width="${(end - label).toFixed(1)}" height="15" rx="2"/>`,
    `<text x="${(end + 6).toFixed(1)}" y="${y + 13}">${number(value)}</text>`,
  ].join('')
}
