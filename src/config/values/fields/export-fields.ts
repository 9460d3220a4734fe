import { z } from 'zod'
import { refuse, span } from './fields.ts'

/** No slash at an end: names are made of it and what follows. */
export const exportPrefix = () =>
  z.string().transform((text, ctx) => {
    const remedy = 'Write it as "prod" or "backup/postern"'
    if (text.endsWith('/')) {
      return refuse(ctx, text, 'exporters.s3.prefix must not end with a slash', remedy)
    }
    if (/^$|^[\w!.*'()-]+(\/[\w!.*'()-]+)*$/.test(text) && !/(^|\/)\.{1,2}(\/|$)/.test(text)) {
      return text
    }
    return refuse(ctx, text, 'is not a valid object prefix', remedy)
  })

const day = 86_400

/** In ms; Aperture writes seconds. */
export const exportEvery = () =>
  z.union([
    z
      .int()
      .min(1)
      .max(24 * day)
      .transform((seconds) => seconds * 1000),
    span(),
  ])
