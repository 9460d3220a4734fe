/** One metric with all its series, as the text format of Prometheus groups them. */
export interface Family {
  /** With its unit, as `_seconds`; a counter's ends in `_total`. */
  readonly name: string
  /** One sentence for whoever reads the page. */
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

export interface Sample {
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A family of a single number. */
export const single = (
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: number,
): Family => ({ name, help, type, samples: [{ value }] })
