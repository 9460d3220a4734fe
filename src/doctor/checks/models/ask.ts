import { type Answer, ask, askJson } from '../../../upstream/probe/ask.ts'
import { canBeAsked, modelsRequest } from '../../../upstream/probe/ask-models.ts'
import { geminiRows, listRows } from '../../../upstream/probe/describe.ts'
import type { Provider, UpstreamRequest } from '../../../upstream/upstream.ts'
import { type Finding, finding } from '../../finding.ts'
import type { Given } from '../../given.ts'
import { patience } from '../../in-time.ts'
import { findingOf } from './unreached.ts'

type Rows = NonNullable<ReturnType<typeof listRows>>

/** `rows` undefined: it has no list, and answers. */
type Asked =
  | { readonly finding: Finding }
  | { readonly finding?: undefined; readonly rows: Rows | undefined; readonly says: string }

export const limits = { timeoutMs: patience, maxBytes: 8_000_000 }

export const askForModels = async (provider: Provider, given: Given): Promise<Asked> => {
  const request = canBeAsked(provider) ? modelsRequest(provider) : undefined
  if (request === undefined) return knock(provider, given)
  let answer: Answer
  try {
    answer = await ask(given.send, request, limits)
  } catch (error) {
    return { finding: await findingOf(error, provider, given) }
  }
  const rows = rowsOf(answer)
  if (rows) return { rows, says: `lists ${rows.length} models` }
  return { finding: await judge(answer, request, provider, given) }
}

/** Vertex and Bedrock have no list here: any answer is a sign of life, and no key is sent for it. */
const knock = async (provider: Provider, given: Given): Promise<Asked> => {
  const { origin } = new URL(provider.baseurl)
  const request = { origin, path: '/', method: 'GET', headers: [], body: null }
  try {
    await ask(given.send, request, limits)
    return { rows: undefined, says: 'answers' }
  } catch (error) {
    return { finding: await findingOf(error, provider, given) }
  }
}

const rowsOf = ({ status, body }: Answer): Rows | undefined => {
  const json = status === 200 ? parse(body) : undefined
  return listRows(json) ?? geminiRows(json)
}

const judge = (
  answer: Answer,
  request: UpstreamRequest,
  provider: Provider,
  given: Given,
): Finding | Promise<Finding> => {
  const { status, body } = answer
  const { id, apikey, authorization, authMode } = provider
  const address = request.origin + pathOf(request)
  if (refusesKey(answer)) {
    return apikey === '' || authMode === 'none'
      ? finding('models.key_missing', id, { address, status })
      : finding('models.key_refused', id, { address, status, authorization })
  }
  if (status === 404 || status === 405) return wrongPath(status, request, provider, given)
  if (status >= 300 && status < 400) return finding('models.redirected', id, { address, status })
  if (status === 429) return finding('models.limited', id, { address })
  if (status === 503) return finding('models.loading', id, { address })
  // What nginx and Go say to plain HTTP on a port with TLS.
  if (status === 400 && /HTTPS (?:port|server)/.test(body)) {
    return finding('models.not_http', id, { address, code: 'it wants TLS' })
  }
  if (status !== 200) return finding('models.failing', id, { address, status })
  if (/^\s*</.test(body)) return finding('models.web_page', id, { address })
  return finding('models.not_a_list', id, { address })
}

/** Google answers 400 to a key that it does not know. */
const refusesKey = ({ status, body }: Answer): boolean =>
  status === 401 ||
  status === 403 ||
  (status === 400 && /API_KEY_INVALID|API key not valid/.test(body))

const pathOf = ({ path }: UpstreamRequest): string => path.split('?')[0] ?? ''

/** Bases that servers have: most, OpenRouter and LM Studio, Groq, Gemini in OpenAI's words. */
const usualBases = ['/v1', '/api/v1', '/openai/v1', '/v1beta/openai']

const wrongPath = async (
  status: number,
  request: UpstreamRequest,
  { id }: Provider,
  { send }: Given,
): Promise<Finding> => {
  const asked = pathOf(request)
  const others = usualBases.filter((base) => `${base}/models` !== asked)
  const found = await Promise.all(
    others.map(async (base) =>
      listRows(await askJson(send, { ...request, path: `${base}/models` }, limits)),
    ),
  )
  const right = others.find((_, at) => found[at] !== undefined)
  const base =
    right === undefined
      ? 'Write the base URL that its manual gives for OpenAI clients, without what comes after /v1'
      : `Write ${request.origin}${right} in "baseurl": there it lists its models`
  return finding('models.wrong_path', id, { address: request.origin + asked, status, base })
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
