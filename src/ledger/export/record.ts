import type { ExportRow } from '../../platform/records/export-state.ts'

/**
 * A row as it is exported: the fields of Aperture's record, version 2, and after them what the ledger knows beside.
 * What was captured is kept apart from the ledger, for as long as its own retention says, and is not exported: `capture`
 * is null.
 */
export const exportRecord = (row: ExportRow): object => ({
  id: row.id,
  ver: 2,
  timestamp: new Date(row.startedAt).toISOString(),
  identity: {
    login: row.login,
    kind: row.kind,
    node: row.node,
    door: row.door,
    client_ip: row.clientIp,
    user_agent: row.userAgent,
    credential_id: row.credentialId,
  },
  model: row.model,
  api_type: row.dialect,
  usage: {
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    cached_tokens: row.cachedTokens,
    reasoning_tokens: row.reasoningTokens,
    cache_write_tokens: row.cacheWriteTokens,
    tool_calls: row.toolCalls,
    web_searches: row.webSearches,
    images: row.images,
    audio_ms: row.audioMs,
    source: row.tokensSource,
  },
  estimated_cost: row.costNanousd === null ? null : row.costNanousd / 1e9,
  duration_ms: row.durationMs,
  capture_id: null,
  session_id: row.sessionId,
  path: row.route,
  status_code: row.status,
  capture: null,
  cost_nanousd: row.costNanousd,
  cost_basis: row.costBasis,
  provider: row.provider,
  upstream_model: row.upstreamModel,
  outcome: row.outcome,
  error_code: row.errorCode,
  agent: row.agent,
  label: row.label,
  bytes_in: row.bytesIn,
  bytes_out: row.bytesOut,
  first_byte_ms: row.firstByteMs,
  overhead_us: row.overheadUs,
  request_id: row.requestId,
  alias: row.alias,
  attempts: row.attempts,
  translated: row.translated,
  queued_ms: row.queuedMs,
})

/** One JSON text a line, gzipped; the same rows give the same bytes. */
export const packed = async (rows: readonly ExportRow[]): Promise<Uint8Array> => {
  const text = rows.map((row) => `${JSON.stringify(exportRecord(row))}\n`).join('')
  const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(zipped).arrayBuffer())
}
