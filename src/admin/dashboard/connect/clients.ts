/** What a client has to be told. */
export interface Target {
  /** `https://gateway.tail1234.ts.net`, without a path. */
  readonly base: string
  readonly key: string
  /** `provider/model`, or the bare id. */
  readonly model: string
}

export interface Client {
  readonly id: string
  readonly name: string
  /** What to do with it. */
  readonly about: string
  readonly snippets: (target: Target) => readonly (readonly [title: string, code: string])[]
}

const quoted = (text: string): string => JSON.stringify(text)
/** As one word of a shell. */
const word = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** What people use, each with what it wants to know. */
export const clients: readonly Client[] = [
  {
    id: 'curl',
    name: 'curl',
    about: 'Paste it into a terminal.',
    snippets: ({ base, key, model }) => [
      [
        'OpenAI’s dialect',
        `curl ${base}/v1/chat/completions \\
  -H ${word(`Authorization: Bearer ${key}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${word(JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], stream: true }))}`,
      ],
      ['What there is', `curl ${base}/v1/models -H ${word(`Authorization: Bearer ${key}`)}`],
    ],
  },
  {
    id: 'openai',
    name: 'OpenAI SDK',
    about: 'Only the base URL and the key are different from what its manual says.',
    snippets: ({ base, key, model }) => [
      [
        'Python',
        `from openai import OpenAI

client = OpenAI(base_url=${quoted(`${base}/v1`)}, api_key=${quoted(key)})
answer = client.chat.completions.create(
    model=${quoted(model)},
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
      ],
      [
        'TypeScript',
        `import OpenAI from 'openai'

const client = new OpenAI({ baseURL: ${quoted(`${base}/v1`)}, apiKey: ${quoted(key)} })
const answer = await client.chat.completions.create({
  model: ${quoted(model)},
  messages: [{ role: 'user', content: 'Hello' }],
})
console.log(answer.choices[0]?.message.content)`,
      ],
    ],
  },
  {
    id: 'anthropic',
    name: 'Anthropic SDK',
    about: 'The base URL is the bare address: the SDK adds /v1 by itself.',
    snippets: ({ base, key, model }) => [
      [
        'Python',
        `from anthropic import Anthropic

client = Anthropic(base_url=${quoted(base)}, api_key=${quoted(key)})
answer = client.messages.create(
    model=${quoted(model)},
    max_tokens=256,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.content[0].text)`,
      ],
      [
        'TypeScript',
        `import Anthropic from '@anthropic-ai/sdk'

const client = new Anthropic({ baseURL: ${quoted(base)}, apiKey: ${quoted(key)} })
const answer = await client.messages.create({
  model: ${quoted(model)},
  max_tokens: 256,
  messages: [{ role: 'user', content: 'Hello' }],
})
console.log(answer.content)`,
      ],
    ],
  },
  {
    id: 'claude-code',
    name: 'Claude Code',
    about: 'It reads these from the environment, or from "env" in ~/.claude/settings.json.',
    snippets: ({ base, key, model }) => [
      [
        'Terminal',
        `export ANTHROPIC_BASE_URL=${word(base)}
export ANTHROPIC_AUTH_TOKEN=${word(key)}
export ANTHROPIC_MODEL=${word(model)}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${word(model)}
claude`,
      ],
    ],
  },
  {
    id: 'codex',
    name: 'Codex',
    about: 'It speaks OpenAI’s Responses.',
    snippets: ({ base, key, model }) => [
      [
        '~/.codex/config.toml',
        `model = ${quoted(model)}
model_provider = "postern"

[model_providers.postern]
name = "Postern"
base_url = ${quoted(`${base}/v1`)}
env_key = "POSTERN_KEY"
wire_api = "responses"`,
      ],
      ['Terminal', `export POSTERN_KEY=${word(key)}\ncodex`],
    ],
  },
  {
    id: 'gemini-cli',
    name: 'Gemini CLI',
    about: 'It speaks Gemini’s dialect.',
    snippets: ({ base, key, model }) => [
      [
        'Terminal',
        `export GOOGLE_GEMINI_BASE_URL=${word(base)}
export GEMINI_API_KEY=${word(key)}
gemini -m ${word(model)}`,
      ],
    ],
  },
  {
    id: 'open-webui',
    name: 'Open WebUI',
    about: 'Admin panel, Settings, Connections, OpenAI API; or in its environment:',
    snippets: ({ base, key }) => [
      [
        'Environment',
        `OPENAI_API_BASE_URL=${word(`${base}/v1`)}
OPENAI_API_KEY=${word(key)}
ENABLE_OLLAMA_API=false`,
      ],
    ],
  },
  {
    id: 'karakeep',
    name: 'Karakeep',
    about: 'In its environment, .env or Compose file.',
    snippets: ({ base, key, model }) => [
      [
        'Environment',
        `OPENAI_BASE_URL=${word(`${base}/v1`)}
OPENAI_API_KEY=${word(key)}
INFERENCE_TEXT_MODEL=${word(model)}
INFERENCE_IMAGE_MODEL=${word(model)}`,
      ],
    ],
  },
  {
    id: 'continue',
    name: 'Continue',
    about: 'One more model in its configuration.',
    snippets: ({ base, key, model }) => [
      [
        '~/.continue/config.yaml',
        `models:
  - name: Postern
    provider: openai
    model: ${quoted(model)}
    apiBase: ${quoted(`${base}/v1`)}
    apiKey: ${quoted(key)}
    roles: [chat, edit, apply]`,
      ],
    ],
  },
  {
    id: 'zed',
    name: 'Zed',
    about:
      'It asks for the key itself, in the settings of its agent, or takes it from POSTERN_API_KEY.',
    snippets: ({ base, key, model }) => [
      [
        'settings.json',
        `{
  "language_models": {
    "openai_compatible": {
      "Postern": {
        "api_url": ${quoted(`${base}/v1`)},
        "available_models": [{ "name": ${quoted(model)}, "max_tokens": 131072 }]
      }
    }
  }
}`,
      ],
      ['Terminal', `export POSTERN_API_KEY=${word(key)}\nzed`],
    ],
  },
  {
    id: 'home-assistant',
    name: 'Home Assistant',
    about:
      'Its own OpenAI integration takes no other address; Extended OpenAI Conversation (from HACS) does. Settings, Devices & services, Add integration, and then:',
    snippets: ({ base, key, model }) => [
      [
        'Extended OpenAI Conversation',
        `API key   ${key}\nBase URL  ${base}/v1\nModel     ${model}`,
      ],
    ],
  },
]
