import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { expect } from 'vitest'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What is put in place of a value that differs from run to run, by key, wherever the key stands. */
const ofRun: Readonly<Record<string, Json>> = {
  Active: false,
  Addrs: null,
  CurAddr: '',
  Health: [],
  InEngine: false,
  InMagicSock: true,
  LastHandshake: '0001-01-01T00:00:00Z',
  LastWrite: '0001-01-01T00:00:00Z',
  Relay: 'lo',
  RxBytes: 0,
  TaildropTarget: 0,
  TxBytes: 0,
}

/** What is there or not, as the moment has it, and means nothing to a gateway. */
const passing: readonly string[] = ['Endpoints', 'HomeDERP']

/** Of what a node says about its machine, the part that is the same on every machine. */
const ofHostinfo: readonly string[] = ['IPNVersion', 'OS', 'Hostname', 'RequestTags', 'Userspace']

const hex = (text: string) => createHash('sha256').update(text).digest('hex')

/** Changes the strings of a run into those of every run. */
export type Settle = (text: string) => string

/**
 * Settles keys, times and what `replacements` names. A key becomes one derived from `names`' entry for it, or the
 * same for all.
 */
export const settling =
  (
    replacements: Readonly<Record<string, string>>,
    names: Readonly<Record<string, string>>,
  ): Settle =>
  (text) => {
    let settledText = text
    for (const [given, put] of Object.entries(replacements)) {
      settledText = settledText.replaceAll(given, put)
    }
    return settledText
      .replace(/\b(nodekey|discokey|mkey):[0-9a-f]{64}/g, (key, kind) => {
        return `${kind}:${hex(names[key] ?? kind)}`
      })
      .replace(/\b20\d\d-\d\d-\d\dT[\d:.]+Z/g, '2026-01-01T00:00:00Z')
      .replace(/^(http:\/\/100\.[\d.]+|http:\/\/\[[\da-f:]+\]):\d+$/, '$1:40000')
      .replace(/^127\.0\.0\.1:\d+$/, '127.0.0.1:50000')
  }

const settle = (value: Json, key: string, text: Settle): Json => {
  if (key in ofRun) return ofRun[key] ?? null
  if (typeof value === 'string') return text(value)
  if (Array.isArray(value)) return value.map((item: Json) => settle(item, '', text))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([name]) => !passing.includes(name))
    .filter(([name]) => key !== 'Hostinfo' || ofHostinfo.includes(name))
    .map(([name, item]) => [text(name), settle(item, name, text)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** `recorded` as it would be in every run. */
export const settled = (recorded: unknown, text: Settle): Json =>
  settle(JSON.parse(JSON.stringify(recorded)) as Json, '', text)

/**
 * Holds `recorded` against the fixture of this name. `UPDATE_FIXTURES=1` writes it instead; `npm run format` then gives it
 * its usual shape.
 */
export const expectFixture = async (name: string, recorded: unknown, text: Settle) => {
  const file = new URL(`fixtures/${name}.json`, import.meta.url)
  const value = settled(recorded, text)
  expect(JSON.stringify(value)).not.toContain(tmpdir())
  if (process.env.UPDATE_FIXTURES === '1')
    await writeFile(file, `${JSON.stringify(value, null, 2)}\n`)
  expect(value).toEqual(JSON.parse(await readFile(file, 'utf8')))
}
