import { closeSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'

/** What SQLite keeps beside a database while it is open, or after a crash. */
export const beside = ['-wal', '-shm', '-journal'] as const

/** Makes a file that only its owner may read, in place of what an interrupted attempt left. */
export const makeEmpty = (path: string): void => {
  removeAll(path)
  closeSync(openSync(path, 'wx', 0o600))
}

export const removeAll = (path: string): void => {
  for (const suffix of ['', ...beside]) rmSync(`${path}${suffix}`, { force: true })
}

/** Returns once what was written to a file is on the disk. */
export const syncFile = (path: string): void => sync(path, 'r+')

/** The same for the names in the folder of a file; Windows has no such thing. */
export const syncNames = (path: string): void => {
  if (process.platform !== 'win32') sync(dirname(path), 'r')
}

const sync = (path: string, flags: string): void => {
  const fd = openSync(path, flags)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
