/** Three digits that count. */
export const number = (value: number | undefined): string => {
  if (value === undefined) return '–'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(Math.abs(value) >= 10 ? 3 : 2)))
}

export const ms = number

export const pair = (value: { readonly p50: number; readonly p99: number } | undefined): string =>
  value === undefined ? '–' : `${number(value.p50)} / ${number(value.p99)}`

export const megabytes = (bytes: number | undefined): string =>
  bytes === undefined ? '–' : number(bytes / 1e6)

export const kilobytes = (bytes: number | undefined): string =>
  bytes === undefined ? '–' : number(bytes / 1e3)
