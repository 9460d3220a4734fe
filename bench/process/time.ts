/** Microseconds of the machine's monotonic clock: the same in every process. */
export const microseconds = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + Math.floor(nanoseconds / 1000)
}
