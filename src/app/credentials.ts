import type { Config } from '../config/config.ts'
import { believesTailnet } from '../gateway/http/guards/doors.ts'
import { foreignPage } from '../gateway/http/guards/foreign-page.ts'
import { ownNameAsked } from '../gateway/http/guards/host-check.ts'
import type { AuthenticateOptions } from '../gateway/identity/authenticate.ts'
import { createMark } from '../gateway/identity/guess.ts'
import { createSpeaksFor } from '../gateway/identity/open-webui-jwt.ts'
import { type CodeScheme, createCodeScheme } from '../gateway/identity/schemes/code.ts'
import { createKeyScheme } from '../gateway/identity/schemes/key.ts'
import { createPasswordScheme } from '../gateway/identity/schemes/password.ts'
import { createTailnetScheme } from '../gateway/identity/schemes/tailnet.ts'
import { createTokenScheme } from '../gateway/identity/schemes/token.ts'
import { letsOriginIn } from '../gateway/policy/cors.ts'
import type { Policy } from '../gateway/policy/grants.ts'
import { attemptGate } from '../gateway/ratelimit/auth-failures.ts'
import type { Platform } from '../platform/platform.ts'
import type { State } from './state.ts'

/** By what callers may prove who they are, under a configuration. */
export type CredentialSchemes = Pick<
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

export const createCredentialSchemes = (
  config: Config,
  platform: Platform,
  state: State,
  policy: Policy,
): CredentialSchemes => {
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
