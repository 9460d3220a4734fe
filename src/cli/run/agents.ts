/** How a coding agent is told where models are, without touching its own files. */
export interface Launch {
  /** Set for the agent; undefined: taken away, as it would win over ours. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Put before what the caller wrote. */
  readonly args: readonly string[]
  /** What only a file can say; `env` names the variable that leads to it. */
  readonly file?: { readonly env: string; readonly name: string; readonly content: string }
}

export interface Gateway {
  /** Root of the gateway, without a slash at the end. */
  readonly url: string
  /** A placeholder where the tailnet says who it is. */
  readonly key: string
  /** Absent: the agent's own choice. */
  readonly model: string | undefined
}

/** By the name of the program. */
export const agents: Readonly<Record<string, (gateway: Gateway) => Launch>> = {
  // https://code.claude.com/docs/en/llm-gateway
  claude: ({ url, key, model }) => ({
    env: {
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_AUTH_TOKEN: key,
      ANTHROPIC_API_KEY: undefined,
      ...(model && { ANTHROPIC_MODEL: model, ANTHROPIC_SMALL_FAST_MODEL: model }),
    },
    args: [],
  }),
  // https://github.com/openai/codex/blob/main/docs/config.md: values are TOML.
  codex: ({ url, key, model }) => ({
    env: { POSTERN_KEY: key },
    args: [
      'model_provider="postern"',
      'model_providers.postern.name="Postern"',
      `model_providers.postern.base_url="${url}/v1"`,
      'model_providers.postern.env_key="POSTERN_KEY"',
      'model_providers.postern.wire_api="responses"',
      'model_providers.postern.supports_websockets=false',
      ...(model ? [`model=${JSON.stringify(model)}`] : []),
    ].flatMap((setting) => ['-c', setting]),
  }),
  // Newer versions read the first address, older ones the second. The first means a way to sign in that 0.61.0
  // itself refuses without a terminal, unless settings choose another.
  gemini: ({ url, key, model }) => ({
    env: {
      GOOGLE_GEMINI_BASE_URL: url,
      GEMINI_BASE_URL: url,
      GEMINI_API_KEY: key,
      GOOGLE_API_KEY: undefined,
      GOOGLE_GENAI_USE_VERTEXAI: undefined,
      ...(model && { GEMINI_MODEL: model }),
    },
    args: [],
    file: {
      env: 'GEMINI_CLI_SYSTEM_DEFAULTS_PATH',
      name: 'gemini-defaults.json',
      content: JSON.stringify({ security: { auth: { selectedType: 'gemini-api-key' } } }),
    },
  }),
}
