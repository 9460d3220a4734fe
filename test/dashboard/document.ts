import type { ConfigDocument } from '../../src/admin/api/config/document.ts'
import { parseConfig } from '../../src/config/parse.ts'

export interface MemoryDocument extends ConfigDocument {
  text: string
}

/** A configuration in memory, with a version for each text. */
export const memoryDocument = (text: string): MemoryDocument => {
  const versionOf = (it: string) => `v${it.length}`
  return {
    text,
    async read() {
      return { text: this.text, version: versionOf(this.text) }
    },
    parse: (it) =>
      parseConfig(it, {
        file: 'postern.hujson',
        env: () => undefined,
        readFile: () => undefined,
      }),
    async replace(it, version) {
      if (version !== versionOf(this.text)) return 'changed meanwhile'
      this.text = it
      return 'replaced'
    },
  }
}

const hash = '$2b$04$tkxmauwhlVIeMnO/Oukx1OxQgloLhjxxbVqeEI386CVXAl94WD9AS'

/** Two doors, one provider, one admin, and two secrets that must never be seen. */
export const file = `{
  // <img src=x onerror=alert(1)> our doors
  "mode": "both",
  "front": "tailscale",
  "providers": { "local": { "baseurl": "http://127.0.0.1:9", "apikey": "sk-secret-one", "models": ["m"] } },
  "users": { "owner": { "password": "${hash}" } },
  "grants": [{ "src": ["owner"], "app": { "tailscale.com/cap/aperture": [{ "role": "admin", "models": "**" }] } }],
}
`
export const secrets = ['sk-secret-one', hash]
