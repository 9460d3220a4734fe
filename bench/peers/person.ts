const name = 'bench'
const password = 'bench-password'

/** Who asks, where somebody wants to know. */
export const person = {
  name,
  realm: 'bench',
  /** bcrypt, cost 12: what `postern user add` makes. */
  hash: '$2b$12$ZS26FIWvJcihAEDuarBVEuF2jPj4MfkR48Sqo27OFX.NgtviSxvWi',
  basic: `Basic ${btoa(`${name}:${password}`)}`,
  guess: `Basic ${btoa(`${name}:not-the-password`)}`,
} as const
