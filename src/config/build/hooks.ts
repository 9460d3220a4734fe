import type { HookConfig } from '../config.ts'
import type { ConfigFile } from '../schema.ts'

/** By name. */
export const buildHooks = (hooks: ConfigFile['hooks']): ReadonlyMap<string, HookConfig> =>
  new Map(Object.entries(hooks).map(([name, hook]) => [name, toHook(name, hook)]))

const toHook = (name: string, file: ConfigFile['hooks'][string]): HookConfig => ({
  name,
  url: file.url,
  apikey: file.apikey,
  authorization: file.authorization,
  secret: file.secret,
  timeout: file.timeout,
  disabled: file.disabled || (file.url === '' && !file.redact),
  failPolicy: file.fail_policy,
  preference: file.preference,
  redact: file.redact && {
    ...file.redact,
    patterns: new Map(Object.entries(file.redact.patterns)),
  },
})
