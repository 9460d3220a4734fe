import { AwsV4Signer } from 'aws4fetch'
import type { S3Config } from '../../config/config.ts'
import { concat } from '../../platform/bytes.ts'
import type { Platform } from '../../platform/platform.ts'

/** The other side did not take an object. The message is for the log: it holds no secret. */
export class ExportFailed extends Error {
  override readonly name = 'ExportFailed'
}

/** ms for one object, which has a few megabytes at most. */
const patience = 60_000
/** Of an error's description, bytes. */
const longest = 4096

/** Puts one object; what is there under the name is replaced. Rejects with ExportFailed. */
export type PutObject = (config: S3Config, name: string, body: Uint8Array) => Promise<void>

/** Speaks to whatever speaks S3: signed (AWS Signature Version 4), following no redirect. */
export const createPut =
  ({ send, clock }: Pick<Platform, 'send' | 'clock'>): PutObject =>
  async (config, name, body) => {
    const { url, headers } = await signed(config, name, body, clock.now())
    const answer = await exchange(send, {
      origin: url.origin,
      path: url.pathname,
      method: 'PUT',
      headers,
      body,
    })
    if (answer.status >= 200 && answer.status < 300) return
    const code = /<Code>([\w.]{1,64})<\/Code>/.exec(answer.text)?.[1]
    throw new ExportFailed(`answered ${answer.status}${code ? ` ${code}` : ''}`)
  }

const signed = async (config: S3Config, name: string, body: Uint8Array, now: number) => {
  const signer = new AwsV4Signer({
    method: 'PUT',
    url: addressOf(config, name),
    headers: {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
      'x-amz-content-sha256': await sha256(body),
    },
    accessKeyId: config.accessKeyId,
    secretAccessKey: config.accessSecret,
    service: 's3',
    region: config.region,
    datetime: new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
  })
  const { url, headers } = await signer.sign()
  // The connection says itself to whom it goes.
  const lines = [...headers].filter(([line]) => line !== 'host')
  return { url, headers: lines }
}

/** The bucket stands in the path, as every server understands it; AWS has it in the name, but for one with a dot (TLS). */
const addressOf = ({ endpoint, bucket, region }: S3Config, name: string): string => {
  const path = name.split('/').map(encoded).join('/')
  if (endpoint !== '') return `${endpoint.replace(/\/+$/, '')}/${bucket}/${path}`
  return bucket.includes('.')
    ? `https://s3.${region}.amazonaws.com/${bucket}/${path}`
    : `https://${bucket}.s3.${region}.amazonaws.com/${path}`
}

/** As the signature has it (RFC 3986): servers that sign what they were sent, and those that encode anew, agree. */
const encoded = (part: string): string =>
  encodeURIComponent(part).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const sha256 = async (body: Uint8Array): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', body as BufferSource)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

interface Answer {
  readonly status: number
  readonly text: string
}

const exchange = (
  send: Platform['send'],
  request: Parameters<Platform['send']>[0],
): Promise<Answer> => {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const chunks: Uint8Array[] = []
  let status = 0
  let size = 0
  const call = send(request, {
    head: (code) => {
      status = code
    },
    data: (chunk) => {
      if (size < longest) chunks.push(chunk)
      size += chunk.byteLength
    },
    end: () => {
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
      resolve({ status, text: new TextDecoder().decode(concat(chunks, bytes)) })
    },
    error: (error) => reject(new ExportFailed(error.kind)),
  })
  const timer = setTimeout(() => {
    reject(new ExportFailed('timeout'))
    call.abort()
  }, patience)
  return promise.finally(() => clearTimeout(timer))
}
