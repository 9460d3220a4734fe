/**
 * What people, word processors and models put between groups, for a class of a pattern: spaces and hyphens of all widths,
 * also those at which no line breaks, and what is not seen at all.
 */
export const BETWEEN =
  ' \\u00a0\\u1680\\u2000-\\u200d\\u202f\\u205f\\u2060\\u3000\\u00ad\\ufeff\\u2010-\\u2015\\u2212\\-'
const between = new RegExp(`[${BETWEEN}]`, 'g')
const isBetween = new RegExp(`^[${BETWEEN}]$`)

/** Digits of a card by how its number begins (ISO/IEC 7812). */
const brands: readonly (readonly [begins: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [19, 16, 13]],
  [/^(?:5[1-5]|2[2-7])/, [16]],
  [/^3[47]/, [15]],
  [/^3(?:0[0-5]|[689])/, [14]],
  [/^35/, [16]],
  [/^(?:6|5[06-9])/, [19, 18, 17, 16]],
]

/** How much of the text is a card number, from its first character on; 0 for none. */
export function cardIn(text: string): number {
  const digits = /^\d*/.exec(text.replaceAll(between, ''))?.[0] ?? ''
  const lengths = brands.find(([begins]) => begins.test(digits))?.[1] ?? []
  for (const length of lengths) {
    if (digits.length < length || !luhn(digits.slice(0, length))) continue
    const end = endOf(text, length)
    if (/^[A-Za-z\d]|^\.0*[1-9]/.test(text.slice(end))) continue
    if (isGrouped(text.slice(0, end))) return end
  }
  return 0
}

/** Cards are printed in groups of four, or of four and six. An id that happens to have their digits is not. */
const isGrouped = (text: string): boolean => {
  const [first = '', ...others] = text.split(between).filter((group) => group !== '')
  return others.length === 0 || (first.length >= 4 && others.every(({ length }) => length <= 8))
}

/** Where so many characters end, those between groups not counted; 0 when there are fewer. */
function endOf(text: string, count: number): number {
  let left = count
  for (let at = 0; at < text.length; at++) {
    if (!isBetween.test(text[at] ?? '') && --left === 0) return at + 1
  }
  return 0
}

/** ISO/IEC 7812-1 annex B. */
export function luhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Length of an account number by country (the IBAN registry). */
const lengths = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

/** With hyphens an account is written in fours, or it is part of some id. */
const dash = /\p{Pd}/u
const inFours = /^(?:[A-Za-z0-9]{4}[^A-Za-z0-9]{1,3}){3,8}[A-Za-z0-9]{1,4}$/

/** How much of the text is an IBAN, from its first character on; 0 for none. */
export function ibanIn(text: string): number {
  const length = lengths.get(text.slice(0, 2).toUpperCase()) ?? 0
  const end = length > 0 ? endOf(text, length) : 0
  if (end === 0 || /^[A-Za-z0-9]/.test(text.slice(end))) return 0
  const written = text.slice(0, end)
  // Small letters or capitals: with both it is some id.
  if (/[a-z]/.test(written) && /[A-Z]/.test(written)) return 0
  if (dash.test(written) && !inFours.test(written)) return 0
  return mod97(written.replaceAll(between, '')) === 1 ? end : 0
}

/** ISO 7064: letters count as 10 to 35, the first four characters stand last. */
function mod97(account: string): number {
  let rest = 0
  for (const char of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(char, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}
