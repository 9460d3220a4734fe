import { z } from 'zod'

const later = (text: string) =>
  z
    .unknown()
    .optional()
    .describe(`${text} Accepted as Aperture has it, without effect in this version.`)

/** Sections of Aperture's files that this version has no use for. Each stands here until it works. */
export const withoutEffect = {
  connectors: later('Tool servers and HTTP services.'),
  mcp: later('Deprecated name of `connectors`.'),
  flags: later('Switches of Aperture’s.'),
  chat_models: later('Models of the chat.'),
}

export const WITHOUT_EFFECT: readonly string[] = Object.keys(withoutEffect)
