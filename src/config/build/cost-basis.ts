import type { CostBasis, Dialect } from '../../platform/upstream.ts'

/**
 * Whose list prices hold for a provider that names no `cost_basis`: its address tells, else the shape of its requests.
 * A machine of one's own in a private network speaks the same shapes and bills nobody.
 */
export const inferCostBasis = (
  baseurl: string,
  dialects: ReadonlySet<Dialect>,
): CostBasis | undefined => {
  const { hostname } = new URL(baseurl)
  if (isPrivate(hostname)) return undefined
  return (
    byHost.find(([host]) => host.test(hostname))?.[1] ??
    byDialect.find(([dialect]) => dialects.has(dialect))?.[1]
  )
}

/** The same as Aperture infers it: also on private addresses, and `openai` where only the newer shape of OpenAI tells. */
export const apertureCostBasis = (
  baseurl: string,
  dialects: ReadonlySet<Dialect>,
): CostBasis | undefined =>
  inferCostBasis(baseurl, dialects) ??
  byDialect.find(([dialect]) => dialects.has(dialect))?.[1] ??
  (dialects.has('openai_responses') ? 'openai' : undefined)

const byHost: readonly (readonly [RegExp, CostBasis])[] = [
  [/(?:^|\.)api\.openai\.com$/, 'openai'],
  [/(?:^|\.)anthropic\.com$/, 'anthropic'],
  [/^generativelanguage\.googleapis\.com$/, 'google'],
  [/aiplatform\..*googleapis\.com$/, 'vertex'],
  [/^bedrock-runtime\.us-[\w-]+\.amazonaws\.com$/, 'bedrock-us'],
  [/^bedrock-runtime\.eu-[\w-]+\.amazonaws\.com$/, 'bedrock-eu'],
  [/^bedrock-runtime\.ap-[\w-]+\.amazonaws\.com$/, 'bedrock-ap'],
  [/^bedrock-runtime\..*\.amazonaws\.com$/, 'bedrock'],
  [/\.(?:openai|services\.ai|cognitiveservices)\.azure\.com$/, 'azure'],
  [/(?:^|\.)openrouter\.ai$/, 'openrouter'],
  [/^ai-gateway\.vercel\.sh$/, 'vercel'],
]

const byDialect: readonly (readonly [Dialect, CostBasis])[] = [
  ['anthropic_messages', 'anthropic'],
  ['gemini_generate_content', 'google'],
  ['google_generate_content', 'vertex'],
  ['google_raw_predict', 'vertex'],
  ['bedrock_model_invoke', 'bedrock'],
  ['bedrock_converse', 'bedrock'],
]

/** RFC 1918, RFC 4193, RFC 6598, loopback, link-local, and names that no public zone has. */
const isPrivate = (hostname: string): boolean =>
  /^(?:127\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(
    hostname,
  ) ||
  /^\[(?:::1?\]|f[cd]|fe[89ab])/.test(hostname) ||
  /(?:^|\.)(?:localhost|local|lan|home|internal|home\.arpa|ts\.net)$/.test(hostname) ||
  !/[.:]/.test(hostname)
