import { z } from 'zod'
import type { ServiceAccount } from '../../platform/upstream.ts'
import { oneHeaderWord, refuse } from './fields/fields.ts'
import { checkHttpUrl } from './url.ts'

/** What a key file's content follows once the reference is resolved. */
export const KEYFILE = 'keyfile::'

const GOOGLE = 'https://oauth2.googleapis.com/token'

const keyFile = z.object({
  client_email: z.string().min(1),
  project_id: z.string().regex(/^[a-z0-9.:-]+$/),
  private_key: z.string().regex(/^-----BEGIN PRIVATE KEY-----/),
  private_key_id: z.string().optional(),
  token_uri: z
    .string()
    .refine((text) => checkHttpUrl(text).url !== undefined)
    .prefault(GOOGLE),
})

/** A key for one header line, or the service account of `keyfile::`. */
export const providerKey = () =>
  z.string().transform((text, ctx): string | ServiceAccount => {
    if (!text.startsWith(KEYFILE)) return oneHeaderWord(text, ctx)
    const account = parseAccount(text.slice(KEYFILE.length))
    if (account) return account
    const message = 'the key file is not that of a Google service account'
    const remedy = 'Download it anew as JSON; it has client_email, project_id and private_key'
    return refuse(ctx, text, message, remedy)
  })

function parseAccount(text: string): ServiceAccount | undefined {
  const parsed = keyFile.safeParse(parseJson(text))
  if (!parsed.success) return undefined
  const { client_email, project_id, private_key, private_key_id, token_uri } = parsed.data
  return {
    email: client_email,
    projectId: project_id,
    privateKey: private_key,
    tokenUri: token_uri,
    ...(private_key_id !== undefined && { privateKeyId: private_key_id }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
