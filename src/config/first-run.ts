import { quote } from './problem.ts'

export interface FirstRunOptions {
  /** bcrypt hash for the first user. */
  readonly ownerHash: string
  /** Name of the first user; default `owner`. */
  readonly owner?: string
  /** Model servers that answer on this machine now, for the examples. */
  readonly found: readonly { readonly name: string; readonly baseurl: string }[]
  /** Open WebUI, when it is already known. */
  readonly webui?: string
}

/** The commented configuration of a first start: the defaults, one user, one grant, examples to uncomment. */
export const firstRunConfig = ({
  ownerHash,
  owner = 'owner',
  found,
  webui,
}: FirstRunOptions): string => `{
  // Postern's configuration: JSON with comments and trailing commas. A running gateway takes over every change at
  // once; a file with a mistake changes nothing and is reported. \`postern check\` tells what is wrong and where.
  // All keys, units and defaults: docs/configuration.md.

  // Sockets to listen on. On 127.0.0.1 only this machine can connect.
  "listeners": [
    { "name": "local", "bind": "127.0.0.1:8787", "identity": "none", "trusted_proxies": [] },
    // For a proxy on another machine, which ends TLS; other machines could connect without it, and show passwords:
    // { "name": "lan", "bind": "0.0.0.0:8788", "trusted_proxies": ["192.168.1.5"] },
    // A socket in the data directory, for a proxy on this machine:
    // { "name": "caddy", "bind": "unix:caddy.sock", "trusted_proxies": ["unix"] },
  ],

  // Open WebUI, shown for every path that is not Postern's own.
  ${webui ? '' : '// '}"webui": { "url": ${quote(webui ?? 'http://127.0.0.1:3000')} },

  // Model servers. Left empty, Postern looks for them on this machine (LM Studio, Ollama, vLLM, llama.cpp, SGLang),
  // and a built-in demo model stands in when there are none. As soon as one is named here, only those named are used.
${found.map(({ name, baseurl }) => `  // At the first start ${oneLine(name)} answered on ${oneLine(baseurl)}.\n`).join('')}  "providers": {
    // "gpu": { "baseurl": "http://192.168.1.20:8000" },
    // "openai": {
    //   "baseurl": "https://api.openai.com/",
    //   "apikey": "env:OPENAI_API_KEY",
    //   "compatibility": { "openai_chat": true, "openai_responses": true },
    // },
    // "anthropic": {
    //   "baseurl": "https://api.anthropic.com",
    //   "apikey": "file:/run/secrets/anthropic",
    //   "authorization": "x-api-key",
    //   "models": ["claude-sonnet-4-6"],
    //   "compatibility": { "anthropic_messages": true },
    // },
  },

  // Who may sign in with a password. \`postern user add NAME\` adds one, \`postern user passwd NAME\` changes it.
  "users": {
    ${quote(owner)}: { "password": ${quote(ownerHash)} },
  },

  // Who may do what: nobody may do anything that is not granted here. "(owner)" is whom this machine belongs to on the
  // tailnet. Models are written "provider/model"; * stands for anything but a slash, ** for anything.
  "grants": [
    {
      "src": [${quote(owner.toLowerCase())}, "(owner)"],
      "app": { "tailscale.com/cap/aperture": [{ "role": "admin", "models": "**" }] },
    },
    // {
    //   "src": ["group:family"],
    //   "app": { "tailscale.com/cap/aperture": [{ "role": "user", "models": ["ollama/**", "gpu/**"] }] },
    // },
  ],

  "groups": {
    // "group:family": ["alice@example.com", "bob"],
  },
}
`

/** A name from outside stays within its comment. */
const oneLine = (text: string): string => quote(text).slice(1, -1)
