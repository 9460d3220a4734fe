import type { FilterEncoder, Handler, Logging } from 'caddy-json-config-types'

/** The access log is `http.log.access.postern`. */
export const loggerName = 'postern'

const access = `http.log.access.${loggerName}`

/**
 * Keys travel in many headers and in queries, and a mistyped header name carries one all the same; a query
 * of Open WebUI may be a prompt. So no header and no query is written, and `loggedByName` adds what is
 * worth having. The default log too: errors of the proxy carry the request.
 */
const discreet: FilterEncoder = {
  format: 'filter',
  wrap: { format: 'json' },
  fields: {
    'request>headers': { filter: 'delete' },
    'request>uri': { filter: 'regexp', regexp: '\\?.*', value: '' },
    resp_headers: { filter: 'delete' },
  },
}

/** Joins a line of this log to the gateway's own by the request's id. */
export const loggedByName: readonly Handler[] = [
  {
    handler: 'log_append',
    key: 'request_id',
    value: '{http.response.header.X-Request-Id}',
  },
  {
    handler: 'log_append',
    key: 'user_agent',
    value: '{http.request.header.User-Agent}',
    early: true,
  },
]

/** `accessLog`: its file, rolled at 50 MB and kept for thirty days; none: no access log. */
export const logging = (accessLog: string | undefined): Logging => {
  if (accessLog === undefined) return { logs: { default: { encoder: discreet } } }
  return {
    logs: {
      default: { encoder: discreet, exclude: [access] },
      access: {
        include: [access],
        writer: {
          output: 'file',
          filename: accessLog,
          mode: '0640',
          roll_size_mb: 50,
          roll_keep: 10,
          roll_keep_days: 30,
        },
        encoder: discreet,
      },
    },
  }
}
