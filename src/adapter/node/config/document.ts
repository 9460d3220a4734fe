import { readFile } from 'node:fs/promises'
import type { ConfigDocument } from '../../../admin/api/config/document.ts'
import { parseText, versionOf, writeConfig } from './config-file.ts'

export interface DocumentOptions {
  readonly path: string
  /** Puts in force what is in the file now. Rejects when it is refused; the old configuration is in force then. */
  readonly reload: () => Promise<void>
}

/** The configuration file, as the API reads and writes it. One writer at a time. */
export const createDocument = ({ path, reload }: DocumentOptions): ConfigDocument => {
  let last: Promise<unknown> = Promise.resolve()
  const replace = async (text: string, version: string) => {
    const before = await readFile(path, 'utf8')
    if (versionOf(before) !== version) return 'changed meanwhile'
    await writeConfig(path, text)
    try {
      await reload()
    } catch (error) {
      // What cannot be in force must not be in the file: the next start would fail on it.
      await writeConfig(path, before)
      throw error
    }
    return 'replaced'
  }
  return {
    read: async () => {
      const text = await readFile(path, 'utf8')
      return { text, version: versionOf(text) }
    },
    parse: (text) => parseText(path, text),
    replace: (text, version) => {
      const next = last.then(() => replace(text, version))
      last = next.catch(() => {})
      return next
    },
  }
}
