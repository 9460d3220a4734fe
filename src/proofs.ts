import type { Config } from './config/config.ts'
import { believesTailnet } from './http/doors.ts'
import { foreignPage } from './http/foreign-page.ts'
import { ownNameAsked } from './http/host-check.ts'
import type { AuthenticateOptions } from './identity/authenticate.ts'
import { createMark } from './identity/guess.ts'
import { createSpeaksFor } from './identity/open-webui-jwt.ts'
import { type CodeScheme, createCodeScheme } from './identity/schemes/code.ts'
import { createKeyScheme } from './identity/schemes/key.ts'
import { createPasswordScheme } from './identity/schemes/password.ts'
import { createTailnetScheme } from './identity/schemes/tailnet.ts'
import { createTokenScheme } from './identity/schemes/token.ts'
import type { Platform } from './platform.ts'
import { letsOriginIn } from './policy/cors.ts'
import type { Policy } from './policy/grants.ts'
import { attemptGate } from './ratelimit/auth-failures.ts'
import type { State } from './state.ts'

/** By what callers may prove who they are, under a configuration. */
export type Proofs = Pick<
  AuthenticateOptions,
  | 'passwords'
  | 'keys'
  | 'tokens'
  | 'tailnet'
  | 'ownName'
  | 'speaksFor'
  | 'foreignPage'
  | 'mark'
  | 'fingerprint'
> & {
  /** For people who sign in. */
  readonly codes: CodeScheme
}

export const createProofs = (
  config: Config,
  platform: Platform,
  state: State,
  policy: Policy,
): Proofs => {
  const { webui } = config
  const attempts = attemptGate(state.failures, state.bans, config.authFailures)
  const mark = createMark(config, platform)
  const tokens = createTokenScheme({ ...platform, ...config, keySets: state.keySets })
  return {
    passwords: createPasswordScheme({
      ...platform,
      users: config.users,
      cache: state.credentials,
      attempts,
      mark,
    }),
    codes: createCodeScheme({ ...config, ...platform, attempts, mark, history: state.codes }),
    foreignPage: foreignPage(config.allowedHosts, letsOriginIn(policy)),
    mark,
    fingerprint: platform.fingerprint,
    tokens,
    keys: createKeyScheme({ ...platform, keys: state.keys, tokens }),
    tailnet: believesTailnet(config.mode)
      ? createTailnetScheme({ ...platform, ...config.tailscale, ...state })
      : undefined,
    ownName: ownNameAsked(config.allowedHosts, state.directory.suffix),
    speaksFor:
      webui?.speaksFor &&
      createSpeaksFor({ ...config, ...platform, webui, speaksFor: webui.speaksFor }),
  }
}
