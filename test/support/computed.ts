/** ms that this thread computed for so far: what other processes do meanwhile does not count. */
export const computed = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
