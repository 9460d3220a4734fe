import type { Context } from 'hono'
import { dialectsOf, type ResourceCall, resourceCall, type Vendor } from '../../config/resources.ts'
import { Failure } from '../../platform/failure.ts'
import type { Provider } from '../../platform/upstream.ts'
import { clientOf } from '../dialect/envelope.ts'
import { ANY_MODEL, type Env, type Permissions, type Target } from '../http/env.ts'
import { modelsNamed, resourceTarget } from './resource-target.ts'
import type { TargetOptions } from './target.ts'

export interface ResourcesOptions extends Omit<TargetOptions, 'operation'> {
  readonly registry: { providers(): readonly Provider[] }
}

/** Leads a call to the provider that keeps its object. Throws `otherwise` where the caller has no grant for it. */
export type TakeResource = (c: Context<Env>, otherwise: Failure) => Promise<void>

/**
 * Finds the provider of whose account this caller may use the part that the path names. There is one at most: an id means
 * nothing to another provider, so no other is asked when it fails.
 */
export const takeResource =
  ({ registry, ...options }: ResourcesOptions): TakeResource =>
  async (c, otherwise) => {
    const permissions = c.get('permissions')
    const call = resourceCall(c.req.method, new URL(c.req.url).pathname)
    if (!call) throw otherwise
    const vendor = vendorOf(c, call)
    const provider = providerOf(registry.providers(), call, vendor, permissions)
    if (!provider) throw permissions.role === 'admin' ? withRemedy(otherwise, call) : otherwise
    const target = await resourceTarget(c, { call, vendor }, options)
    try {
      const model = grantedModel(c, target, provider)
      c.set('target', target)
      c.set('candidates', [{ provider, model: model ?? ANY_MODEL }])
    } catch (error) {
      target.release()
      throw error
    }
    const meter = c.get('meter')
    meter.chargeReportedOnly(false)
    meter.asked(target)
  }

/** Both vendors have files and skills: Anthropic's clients send a header of their own. */
const vendorOf = (c: Context<Env>, { vendors }: ResourceCall): Vendor => {
  const [first, ...others] = vendors
  const client = clientOf((name) => c.req.header(name))
  return others.find((vendor) => vendor === client) ?? first
}

const providerOf = (
  providers: readonly Provider[],
  { family }: ResourceCall,
  vendor: Vendor,
  { allowsResource }: Permissions,
): Provider | undefined =>
  providers
    .filter(({ id, disabled }) => !disabled && allowsResource(id, family))
    .filter(({ dialects }) => dialectsOf[vendor].some((dialect) => dialects.has(dialect)))
    .toSorted((a, b) => b.preference - a.preference)[0]

/**
 * The provider's own name of the model in the body, where there is one.
 * @throws Failure `model_not_found` where the call names a model that this caller may not use there
 */
const grantedModel = (c: Context<Env>, target: Target, provider: Provider): string | undefined => {
  const { allows } = c.get('permissions')
  const prefix = `${provider.id}/`
  const { model: named } = target
  const model = named?.startsWith(prefix) ? named.slice(prefix.length) : named
  const takesAny = provider.otherModels === 'any'
  const others = takesAny ? [] : modelsNamed(target, c.req.url)
  const names = [...(model === undefined ? [] : [model]), ...others]
  const missing = names.find((name) => !allows(provider.id, name))
  const unreadable = takesAny ? undefined : target.otherModels.unreadable
  if (missing === undefined && unreadable === undefined) return model
  const login = c.get('auth').caller?.login ?? ''
  const name = missing ?? unreadable
  throw new Failure('model_not_found', `no route found for model "${name}" for user "${login}"`, {
    reason: 'resource_model_not_granted',
  })
}

const withRemedy = (otherwise: Failure, { family }: ResourceCall): Failure =>
  new Failure(
    otherwise.code,
    `${otherwise.message} A grant with "provider_resources": ["PROVIDER/${family}"] would lead there.`,
    otherwise,
  )
