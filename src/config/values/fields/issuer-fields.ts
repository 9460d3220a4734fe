import { z } from 'zod'
import { quote } from '../../problem.ts'
import { refuseIssuerUrl } from '../issuer-url.ts'
import { isLogin, refuse } from './fields.ts'

/** As written: it is compared letter by letter with what tokens say. */
export const issuerUrl = () =>
  z.string().transform((text, ctx) => {
    const why = refuseIssuerUrl(text)
    if (why === undefined) return text
    return refuse(ctx, text, `the URL ${why}`, 'Write it as "https://issuer.example.com"')
  })

export const audience = () =>
  z.string().transform((text, ctx) => {
    if (/^[^\s\p{C}]{1,256}$/u.test(text)) return text
    const remedy = 'Write the "aud" that its tokens for this gateway have'
    return refuse(ctx, text, `${quote(text)} is not a valid audience`, remedy)
  })

export const claimName = () =>
  z.string().transform((text, ctx) => {
    if (/^[^\s\p{C}]{1,128}$/u.test(text)) return text
    return refuse(
      ctx,
      text,
      `${quote(text)} is not a valid claim`,
      'Write its name, such as "email"',
    )
  })

export const loginPrefix = () =>
  z.string().transform((text, ctx) => {
    if (text === '' || (text.length <= 64 && isLogin(`${text}x`))) return text.toLowerCase()
    const remedy = 'Write a word and a colon, such as "github:"'
    return refuse(ctx, text, `${quote(text)} cannot begin a login`, remedy)
  })
