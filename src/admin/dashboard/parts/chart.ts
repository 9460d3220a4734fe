import { html } from 'hono/html'
import type { Html } from '../../../gateway/http/page.ts'

/** Bars over time, one on top of the other. */
export interface ChartOptions {
  /** What it shows, in a sentence for who cannot see it. */
  readonly label: string
  readonly since: number
  readonly until: number
  readonly step: number
  /** In the order of the stack and the legend; `rest` for all that is not told apart. */
  readonly series: readonly {
    readonly name: string
    readonly at: ReadonlyMap<number, number>
    readonly rest: boolean
  }[]
  readonly format: (value: number) => string
  /** Moments that something happened at. */
  readonly marks?: readonly { readonly at: number; readonly name: string }[]
}

const minute = 60_000
const [width, height] = [960, 180]

/**
 * The bars are stretched to the room there is; what is written stands beside them as text, so that it stays as it is.
 * Colours come from the stylesheet, the fifth for all that is left.
 */
export const chart = ({
  label,
  since,
  until,
  step,
  series,
  format,
  marks = [],
}: ChartOptions): Html => {
  const first = Math.floor(since / step) * step
  const count = Math.max(1, Math.ceil((until - first) / step))
  const steps = Array.from({ length: count }, (_, i) => first + i * step)
  const sums = steps.map((at) => series.reduce((sum, each) => sum + (each.at.get(at) ?? 0), 0))
  const top = roundUp(Math.max(...sums))
  const wide = width / count
  const last = series.findIndex(({ rest }) => rest)
  const bars = steps.map((at, i) => {
    let base = height
    return series.map(({ name, at: values }, k) => {
      const value = values.get(at) ?? 0
      if (value <= 0) return ''
      const tall = (value / top) * height
      base -= tall
      return html`<rect class="col s${k === last ? 5 : Math.min(k + 1, 4)}" x="${fixed(i * wide + wide * 0.1)}" y="${fixed(base)}" width="${fixed(wide * 0.8)}" height="${fixed(tall)}"><title>${name}: ${format(value)}, ${words(at, step)}</title></rect>`
    })
  })
  const lines = marks.map(({ at, name }) => {
    const x = fixed(((at - first) / (count * step)) * width)
    return html`<path class="mark" d="M${x} 0V${height}" vector-effect="non-scaling-stroke"><title>${name}, ${words(at, minute)}</title></path>`
  })
  return html`<figure class="chart"><div class="plot"><div class="ys" aria-hidden="true"><span>${format(top)}</span><span>${format(top / 2)}</span><span>0</span></div>
<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="grid" d="M0 .5H${width}M0 ${height / 2}H${width}M0 ${height - 0.5}H${width}" vector-effect="non-scaling-stroke"/>${bars}${lines}</svg>
<div class="xs" aria-hidden="true"><span>${words(first, step)}</span><span>${words(steps[count >> 1] ?? first, step)}</span><span>${words(steps.at(-1) ?? first, step)}</span></div></div>
${series.length > 1 ? html`<ul class="legend">${series.map(({ name }, k) => html`<li><i class="s${k === last ? 5 : Math.min(k + 1, 4)}"></i>${name}</li>`)}</ul>` : ''}</figure>`
}

const fixed = (value: number): string => value.toFixed(2)

/** 1, 2 or 5 with noughts, so that half of it is a number too. */
const roundUp = (value: number): number => {
  if (!(value > 0)) return 1
  const size = 10 ** Math.floor(Math.log10(value))
  return size * ([1, 2, 4, 5, 6, 8, 10].find((step) => step * size >= value) ?? 10)
}

/** In UTC, as the ledger counts. */
const words = (at: number, step: number): string => {
  const text = new Date(at).toISOString()
  return step < 86_400_000 ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : text.slice(0, 10)
}
