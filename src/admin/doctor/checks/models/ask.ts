import { type Answer, ask, askJson } from '../../../../gateway/upstream/ask.ts'
import { listRows } from '../../../../gateway/upstream/probe/describe.ts'
import {
  type FoundList,
  type ListAnswer,
  listModels,
  modelsRequests,
} from '../../../../gateway/upstream/probe/list-models.ts'
import type { Provider, UpstreamRequest } from '../../../../platform/upstream.ts'
import { type Finding, finding } from '../../finding.ts'
import type { Given } from '../../given.ts'
import { patience } from '../../in-time.ts'
import { findingOf } from './unreached.ts'

/** `rows` undefined: it has no list, and answers. */
type Asked =
  | { readonly finding: Finding }
  | {
      readonly finding?: undefined
      readonly rows: FoundList['rows'] | undefined
      readonly says: string
    }

export const limits = { timeoutMs: patience, maxBytes: 8_000_000 }

export const askForModels = async (provider: Provider, given: Given): Promise<Asked> => {
  const requests = modelsRequests(provider)
  if (requests.length === 0) return knock(provider, given)
  const { found, tried } = await listModels(given.send, requests, limits)
  if (found) {
    return {
      rows: found.rows,
      says: `lists ${found.rows.length} models at ${urlOf(found.request)}`,
    }
  }
  return { finding: await judgeAll(tried, provider, given) }
}

/** Vertex and Bedrock have no list here: any answer is a sign of life, and no key is sent for it. */
const knock = async (provider: Provider, given: Given): Promise<Asked> => {
  const { origin, host } = new URL(provider.baseurl)
  const request = { origin, path: '/', method: 'GET', headers: [], body: null }
  try {
    await ask(given.send, request, limits)
    return { rows: undefined, says: `answers at ${host}` }
  } catch (error) {
    return { finding: await findingOf(error, provider, given) }
  }
}

/** Where several places were asked, a path that is not there says less than any other answer. */
const judgeAll = (
  tried: readonly ListAnswer[],
  provider: Provider,
  given: Given,
): Finding | Promise<Finding> => {
  const failed = tried.find(({ error }) => error !== undefined)
  if (failed) return findingOf(failed.error, provider, given)
  const answers = tried.flatMap(({ request, answer }) => (answer ? [{ request, answer }] : []))
  const telling = answers.find(({ answer: { status } }) => status !== 404 && status !== 405)
  if (telling) return judge(telling.answer, telling.request, provider)
  return wrongPath(answers, provider, given)
}

const judge = (answer: Answer, request: UpstreamRequest, provider: Provider): Finding => {
  const { status, body } = answer
  const { id, apikey, authorization, authMode } = provider
  const address = urlOf(request)
  if (refusesKey(answer)) {
    return apikey === '' || authMode === 'none'
      ? finding('models.key_missing', id, { address, status })
      : finding('models.key_refused', id, { address, status, authorization })
  }
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
const urlOf = (request: UpstreamRequest): string => request.origin + pathOf(request)

/** Bases that servers have: most, OpenRouter and LM Studio, Groq, Gemini in OpenAI's words. */
const usualBases = ['/v1', '/api/v1', '/openai/v1', '/v1beta/openai']

const wrongPath = async (
  answers: readonly { readonly request: UpstreamRequest; readonly answer: Answer }[],
  { id }: Provider,
  { send }: Given,
): Promise<Finding> => {
  const [first] = answers
  if (!first) throw new RangeError('nothing was asked')
  const { request, answer } = first
  const asked = answers.map((each) => pathOf(each.request))
  const others = usualBases.filter((base) => !asked.includes(`${base}/models`))
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
  const address = answers.map((each) => urlOf(each.request)).join(' and ')
  return finding('models.wrong_path', id, { address, status: answer.status, base })
}
