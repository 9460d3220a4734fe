import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'

/** What a browser says of itself when it loads a page. */
export const page = { accept: 'text/html,application/xhtml+xml' }
/** And when a page of ours asks for something. */
export const ownPage = { 'sec-fetch-site': 'same-origin' }

export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<Response>
  /** The text of a page that must be there. */
  read(path: string): Promise<string>
  send(method: string, path: string, body?: unknown): Promise<Response>
}

export interface Site {
  readonly gateway: TestGateway
  /** Somebody with a browser; undefined: not signed in. */
  visitor(user?: 'owner' | 'alice' | 'bob'): Promise<Visitor>
}

/** A gateway whose pages are looked at without a browser. */
export const startSite = async (
  overrides: Readonly<Record<string, unknown>> = {},
  options: TestGatewayOptions = {},
): Promise<Site> => {
  const gateway = await startTestGateway(overrides, options)
  return { gateway, visitor: async (user) => visitorOf(gateway.url, user) }
}

const visitorOf = async (url: string, user: string | undefined): Promise<Visitor> => {
  const cookie = user === undefined ? '' : await signIn(url, user)
  const get: Visitor['get'] = (path, headers = {}) =>
    fetch(url + path, { redirect: 'manual', headers: { ...page, cookie, ...headers } })
  return {
    get,
    read: async (path) => {
      const response = await get(path)
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${path} is ${response.status}: ${text}`)
      return text
    },
    send: (method, path, body) =>
      fetch(url + path, {
        method,
        headers: {
          cookie,
          ...ownPage,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
  }
}

const signIn = async (url: string, user: string): Promise<string> => {
  const response = await fetch(`${url}/postern/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...page, ...ownPage },
    body: new URLSearchParams({ user, password: `${user}-password`, to: '/ui/models' }),
  })
  if (response.headers.get('location') !== '/ui/models') throw new Error('could not sign in')
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}
