import { error, type Finding, type Json, type Path, quote, warning } from '../problem.ts'
import { CAPABILITY, type GrantEntryFile } from '../schema/grants.ts'
import type { ConfigFile } from '../schema.ts'
import type { Declared } from './check.ts'

type Hook = ConfigFile['hooks'][string]

/** @param written what the document itself has there */
export function checkHooks(
  file: ConfigFile,
  declared: Declared,
  written: (path: Path) => Json | undefined,
): Finding[] {
  const isEmpty = (path: Path): boolean => !written(path)?.toString()
  const lists = [
    ['grants', file.grants ?? []],
    ['temp_grants', file.temp_grants ?? []],
  ] as const
  return [
    ...Object.entries(file.hooks).flatMap(([name, hook]) => checkHook(name, hook, isEmpty)),
    ...lists.flatMap(([list, grants]) =>
      grants.flatMap(({ app }, index) =>
        app[CAPABILITY].flatMap((entry, at) =>
          checkSent(entry, [list, index, 'app', CAPABILITY, at, 'send_hooks'], {
            ...declared,
            file,
            isEmpty,
          }),
        ),
      ),
    ),
  ]
}

interface Written {
  readonly hooks: readonly string[]
  readonly file: ConfigFile
  /** Of the file as written: what is wrong was taken out, and is there nevertheless. */
  readonly isEmpty: (path: Path) => boolean
}

const SHORTEST_SECRET = 32

/** Sentences as Aperture writes them, where it has them. */
function checkHook(name: string, hook: Hook, isEmpty: Written['isEmpty']): Finding[] {
  const path = ['hooks', name]
  const findings: Finding[] = []
  if (isEmpty([...path, 'url']) && !hook.redact) {
    const tell = hook.disabled ? warning : error
    const message = `hook ${name} has no url configured`
    findings.push(tell(path, message, 'Add "url", or "redact" for the guard inside Postern'))
  }
  if (hook.url !== '' && hook.redact) {
    const message = `hook ${name} has both "url" and "redact"`
    findings.push(error([...path, 'redact'], message, 'Make two hooks of it'))
  }
  if (hook.secret !== undefined && hook.secret.length < SHORTEST_SECRET) {
    const message = `has less than ${SHORTEST_SECRET} characters`
    findings.push(error([...path, 'secret'], message, 'Make one with `openssl rand -hex 32`'))
  }
  if (hook.apikey !== '' && /^http:\/\//i.test(hook.url) && !isNear(hook.url)) {
    const message = 'the key crosses the internet readable'
    findings.push(warning([...path, 'url'], message, 'Write https://'))
  }
  return findings
}

/** On this machine, in the home network or the tailnet, which has a cipher of its own. */
const isNear = (url: string): boolean => {
  const { hostname } = new URL(url)
  return (
    !hostname.includes('.') ||
    /^(?:127|10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(
      hostname,
    ) ||
    /\.(?:ts\.net|local|internal|lan|home\.arpa)$/.test(hostname)
  )
}

function checkSent(
  { send_hooks = [] }: GrantEntryFile,
  path: Path,
  { hooks, file, isEmpty }: Written,
): Finding[] {
  return send_hooks.flatMap(({ name, events }, index) => {
    const place = [...path, index]
    if (!hooks.includes(name)) {
      const message = `send_hooks references undefined hook ${quote(name)}`
      return [warning([...place, 'name'], message, 'Correct the name, or add the hook')]
    }
    if (isEmpty([...place, 'events'])) {
      return [warning(place, 'has no event, so nothing is sent', 'Add "events"')]
    }
    if (!file.hooks[name]?.redact || events.includes('pre_request')) return []
    const message = `hook ${quote(name)} guards requests, and is not asked before one`
    return [warning([...place, 'events'], message, 'Write ["pre_request"]')]
  })
}
