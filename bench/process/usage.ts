import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds of one tick of /proc/PID/stat: USER_HZ is 100 on every Linux that Node runs on. */
const tick = 10

/** Processor time of a process and all below it, ms: every thread, dead ones and reaped children included. */
export const cpuOf = (pid: number): number =>
  sum(familyOf(pid), (each) => {
    const [, , , , , , , , , , , user = 0, system = 0, waitedUser = 0, waitedSystem = 0] =
      stat(each)
    return (user + system + waitedUser + waitedSystem) * tick
  })

/** Resident memory of a process and all below it, bytes: now, and at its highest. */
export const memoryOf = (pid: number): { readonly now: number; readonly peak: number } => {
  const family = familyOf(pid)
  return {
    now: sum(family, (each) => status(each, 'VmRSS')),
    peak: sum(family, (each) => status(each, 'VmHWM')),
  }
}

const sum = (pids: readonly number[], of: (pid: number) => number): number =>
  pids.reduce((total, pid) => total + of(pid), 0)

const familyOf = (pid: number): number[] => {
  const family = [pid]
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
  const parents = new Map(all.map((each) => [each, stat(each)[1]]))
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child)
  }
  return family
}

/** The fields after the command's name, which may hold anything: the state is 0, the parent 1. */
const stat = (pid: number): number[] => {
  const text = read(`/proc/${pid}/stat`)
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
}

const status = (pid: number, field: string): number => {
  const line = read(`/proc/${pid}/status`).match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))
  return Number(line?.[1] ?? 0) * 1024
}

/** A process that has ended in the meantime counts nothing. */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
