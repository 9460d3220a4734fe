const started = performance.now()

/** One line of progress, with the seconds since the beginning. */
export const say = (line: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4)
  console.log(`${seconds} s  ${line}`)
}
