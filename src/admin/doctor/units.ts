const steps = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1.5 GiB`, for people. */
export const inUnits = (bytes: number): string => {
  let value = bytes
  let at = 0
  while (value >= 1024 && at < steps.length - 1) {
    value /= 1024
    at++
  }
  const rounded = at === 0 || value >= 10 ? Math.round(value) : Math.round(value * 10) / 10
  return `${rounded} ${steps[at]}`
}
