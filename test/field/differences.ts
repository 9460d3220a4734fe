import type { Sdk } from '../support/parts/sdk-suites.ts'

/** Tests that pass against the SDK's own mock, of those that `CHOSEN` chooses. */
export const passingOf: Readonly<Record<Sdk, number>> = { openai: 903, anthropic: 277 }

/** Tests of an SDK that pass against its own mock and do not through the gateway, and why that is right. */
export interface Group {
  /** A sentence for docs/compatibility.md. */
  readonly reason: string
  /** Below `tests/api_resources/`. */
  readonly tests: readonly string[]
}

/** The tests of each call that `CHOSEN` chooses. */
const of = (file: string, name: string, calls: readonly string[]): string[] =>
  calls.flatMap((call) => [
    ...['method', 'raw_response', 'streaming_response'].map(
      (how) => `${file}::Test${name}::test_${how}_${call}[strict]`,
    ),
    `${file}::TestAsync${name}::test_method_${call}[aiohttp]`,
  ])

export const differencesOf: Readonly<Record<Sdk, readonly Group[]>> = {
  openai: [
    {
      reason:
        'A request of the responses API without `model`. Its description has the field optional; OpenAI itself takes a request ' +
        'without it only with a stored prompt. With several models to choose from the gateway asks for one.',
      tests: [
        ...of('responses/test_input_tokens.py', 'InputTokens', ['count']),
        ...of('beta/responses/test_input_tokens.py', 'InputTokens', ['count']),
        ...of('test_responses.py', 'Responses', ['create_overload_1', 'create_overload_2']),
        ...of('beta/test_responses.py', 'Responses', ['create_overload_1', 'create_overload_2']),
      ],
    },
  ],
  anthropic: [],
}

/** Parts of an API that the gateway does not serve, as folders and files of the SDK's tests, and why. */
export interface NotServed {
  readonly reason: string
  readonly paths: readonly string[]
}

export const notServedOf: Readonly<Record<Sdk, readonly NotServed[]>> = {
  openai: [
    {
      reason:
        'The administration of an account: it makes keys and users that go past the gateway, and needs a key of its own.',
      paths: ['admin'],
    },
  ],
  anthropic: [
    {
      reason:
        'The administration of an organization: it makes keys and users that go past the gateway, and needs a key of its own.',
      paths: [
        ...['organization', 'test_organization.py', 'beta/organization'],
        ...['beta/test_organization.py', 'beta/compliance'],
      ],
    },
    {
      reason:
        'Agents that Anthropic runs, and what they work with: sessions run on for hours beyond any request that a gateway could meter.',
      paths: [
        ...['agents', 'environments', 'memory_stores', 'sessions', 'tunnels', 'vaults'],
        ...['test_agents.py', 'test_deployment_runs.py', 'test_deployments.py', 'test_dreams.py'],
        ...['test_environments.py', 'test_memory_stores.py', 'test_sessions.py'],
        ...['test_tunnels.py', 'test_vaults.py', 'test_webhooks.py'],
      ].map((name) => `beta/${name}`),
    },
    {
      reason: 'Profiles of the end users of an application, which the account keeps.',
      paths: [
        ...['test_user_profiles.py', 'user_profiles'],
        ...['beta/test_user_profiles.py', 'beta/user_profiles'],
      ],
    },
  ],
}

/**
 * Each call once as a method, once raw and once streamed, and each method with the other HTTP client. What is left is
 * the same calls with looser checks, and arguments that are refused before anything is sent.
 */
export const CHOSEN =
  '((strict and not Async) or (aiohttp and Async and test_method)) and not path_params'
