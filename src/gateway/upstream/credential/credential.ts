import type { Provider } from '../../../platform/upstream.ts'

type HeaderPair = readonly [name: string, value: string]

/** The configured key, in the header that the provider reads it from; nothing where there is none. */
export const keyHeader = ({
  authorization,
  apikey,
  authMode,
}: Pick<Provider, 'authorization' | 'apikey' | 'authMode'>): readonly HeaderPair[] => {
  if (apikey === '' || authMode === 'none') return []
  switch (authorization) {
    case 'bearer':
      return [['authorization', `Bearer ${apikey}`]]
    case 'x-api-key':
    case 'x-goog-api-key':
      return [[authorization, apikey]]
    case 'hec':
      return [['authorization', `Splunk ${apikey}`]]
    case 'cf-aig-authorization':
      return [['cf-aig-authorization', `Bearer ${apikey}`]]
  }
}

/** Our credential for a provider, as headers. Rejects with `Failure` when there should be one and none can be had. */
export type Credential = (
  provider: Provider,
) => readonly HeaderPair[] | Promise<readonly HeaderPair[]>

/** @param tokens makes the bearer token of a service account, see `tokens.ts` */
export const createCredential =
  (tokens: (account: NonNullable<Provider['serviceAccount']>) => Promise<string>): Credential =>
  (provider) => {
    const { serviceAccount, authMode } = provider
    if (!serviceAccount || authMode === 'none') return keyHeader(provider)
    return tokens(serviceAccount).then((token) => [['authorization', `Bearer ${token}`]])
  }
