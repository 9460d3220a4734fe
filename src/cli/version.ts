import { readFileSync } from 'node:fs'

/** In a checkout the manifest is two folders up, in the published build three. */
const manifest = ['../../package.json', '../../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .map((url) => {
    try {
      return JSON.parse(readFileSync(url, 'utf8')) as { name?: string; version?: string }
    } catch {
      return {}
    }
  })
  .find(({ name }) => name === 'postern')

export const version = manifest?.version ?? '0.0.0'
