import { common, rows } from './common-passwords.ts'

/** Shorter ones are passwords only as three words. */
const minLength = 12
const minWords = 3
const minLetters = 9

/**
 * Guesses that an attacker who knows how people choose would need. A public name is guessed at for years, by many
 * addresses; bans leave each of them some hundred guesses a day.
 */
const minGuesses = 1e8

/**
 * Why this should not be a new password; undefined: it may be one. Judges as zxcvbn does (Wheeler, USENIX Security 2016): what
 * a guesser would try first costs little, however long it is.
 * @param about names that belong to the user, which are the first to be tried
 */
export const weakness = (password: string, about: readonly string[] = []): string | undefined => {
  if (password.length < minLength && !isThreeWords(password)) {
    return `the password has ${password.length} characters: use ${minLength} or more, or ${minWords} words`
  }
  if (guessesFor(password, new Set(about.flatMap(partsOf))) >= minGuesses) return undefined
  return 'the password is one of the first that are tried: a common word, a name, a row of keys or a repetition. Add words that have nothing to do with it'
}

const isThreeWords = (text: string): boolean => {
  const words = text.toLowerCase().match(/\p{L}{2,}/gu) ?? []
  const letters = words.reduce((sum, word) => sum + word.length, 0)
  return new Set(words).size >= minWords && letters >= minLetters
}

/** `alice@example.com`: its parts are guessed as well. */
const partsOf = (name: string): string[] =>
  [name, ...name.split(/[^\p{L}\p{N}]+/u)]
    .map((part) => part.toLowerCase())
    .filter((part) => part.length > 2)

const guessesFor = (password: string, names: ReadonlySet<string>): number => {
  const text = withoutRepetition(password.normalize('NFKC').toLowerCase())
  const plain = withoutDisguise(text)
  // The cheapest way to put the text together, from its beginning to each place in it.
  const cheapest = [1]
  for (let end = 1; end <= text.length; end++) {
    let best = (cheapest[end - 1] ?? 1) * perCharacter
    for (let start = 0; start < end; start++) {
      const piece = pieceCost(text.slice(start, end), plain.slice(start, end), names)
      if (piece !== undefined) best = Math.min(best, (cheapest[start] ?? 1) * piece)
    }
    cheapest.push(best)
  }
  return cheapest.at(-1) ?? 0
}

/** What is not recognised is taken to cost this for each character, as people choose them. */
const perCharacter = 10
const perName = 10
const perWord = 300
const perYear = 200

const pieceCost = (text: string, plain: string, names: ReadonlySet<string>): number | undefined => {
  if (names.has(text) || names.has(plain)) return perName
  if (common.has(text) || common.has(plain)) return perWord
  if (text.length < 3) return undefined
  if (/^(?:19|20)\d\d$/.test(text)) return perYear
  if (new Set(text).size === 1 || isRow(text)) return perCharacter * text.length
  return undefined
}

/** `qwert`, `lkjh`, `4567`, `cba`. */
const isRow = (text: string): boolean => {
  const backwards = [...text].reverse().join('')
  return rows.some((row) => row.includes(text) || row.includes(backwards))
}

/** `abcabcabc` and `abc-abc-abc` are `abc`. */
const withoutRepetition = (text: string): string =>
  text.replace(/(.+?)(?:[\s._-]?\1)+/gu, (whole, block: string) =>
    block.length > 2 || whole.length > 3 ? block : whole,
  )

const disguises: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  '5': 's',
  $: 's',
  '7': 't',
}

/** `p@ssw0rd` without what every guesser sees through; as long as before. */
const withoutDisguise = (text: string): string =>
  text.replace(/[@431!05$7]/g, (c) => disguises[c] ?? c)
