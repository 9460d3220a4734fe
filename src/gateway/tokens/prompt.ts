import type { Candidate } from '../../platform/upstream.ts'
import type { InlineFile } from '../dialect/body/files.ts'
import type { Target } from '../http/env.ts'
import { type Family, familyOf } from './family.ts'
import { contentOf } from './files.ts'
import { tokensOfPicture } from './picture.ts'
import { mostTokensOfText, tokensOfText } from './text.ts'

/** A request, as far as it tells how long its prompt is. */
export interface Asked extends Pick<Target, 'size' | 'files'> {
  /** `chat/completions`, `audio/transcriptions`. */
  readonly operation: string
}

/** Tokens of a prompt, where nobody counted them. */
export interface Prompt {
  /** Of all of it. */
  readonly input: number
  /** Of these: pictures, and sound. */
  readonly imageInput: number
  readonly audioInput: number
  /** ms of the sound. */
  readonly audioMs: number
}

/** What it probably comes to, and what it comes to at most: the first is never more than the second. */
export interface PromptBounds {
  readonly likely: Prompt
  readonly most: Prompt
}

/** The longest context that models are known to have, tokens. */
const LONGEST = 2_000_000

/**
 * Estimates a prompt by its text and its files, those by the rules of who will be asked. A file in base64 is far longer
 * than what providers make of it: a picture of two megabytes is some hundred tokens.
 */
export const promptOf = (asked: Asked, candidate: Candidate): PromptBounds => {
  const family = familyOf(candidate)
  const longest = candidate.provider.details.get(candidate.model)?.contextLength ?? LONGEST
  const text = asked.files.reduce((size, file) => size - file.encodedSize, asked.size)
  const files = asked.files.map((file) => fileIn(file, asked.operation, family, candidate.model))
  return {
    likely: together(tokensOfText(text), files, 'likely', longest),
    most: together(mostTokensOfText(text), files, 'most', longest),
  }
}

type Which = 'likely' | 'most'

interface FileTokens {
  readonly kind: 'imageInput' | 'audioInput' | undefined
  readonly tokens: Readonly<Record<Which, number>>
  readonly audioMs?: Readonly<Record<Which, number>>
}

const together = (
  text: number,
  files: readonly FileTokens[],
  which: Which,
  longest: number,
): Prompt => {
  const sum = (of: readonly FileTokens[]) => of.reduce((all, { tokens }) => all + tokens[which], 0)
  const input = Math.min(longest, Math.max(0, text) + sum(files))
  const ofKind = (kind: FileTokens['kind']) => files.filter((file) => file.kind === kind)
  return {
    input,
    imageInput: Math.min(input, sum(ofKind('imageInput'))),
    audioInput: Math.min(input, sum(ofKind('audioInput'))),
    audioMs: files.reduce((all, { audioMs }) => all + (audioMs?.[which] ?? 0), 0),
  }
}

const same = (tokens: number) => ({ likely: tokens, most: tokens })

const fileIn = (file: InlineFile, operation: string, family: Family, model: string): FileTokens => {
  const content = contentOf(file)
  switch (content.kind) {
    case 'picture':
      return { kind: 'imageInput', tokens: same(tokensOfPicture(family, model, content.size)) }
    case 'document':
      return { kind: undefined, tokens: same(content.pages * tokensOfPage(family, model)) }
    case 'sound':
      return sound(msOf(content.ms, file.size, SOUND), family)
    case 'video':
      return video(msOf(content.ms, file.size, VIDEO), operation, family)
    default:
      if (operation.startsWith('audio/')) return sound(msOf(undefined, file.size, SOUND), family)
      return {
        kind: undefined,
        tokens: { likely: tokensOfText(file.size), most: mostTokensOfText(file.size) },
      }
  }
}

/** Bytes of a ms, where a recording does not tell its length: as most have, and the fewest. */
const SOUND = { likely: 8, most: 2 }
const VIDEO = { likely: 250, most: 30 }

type Length = Readonly<Record<Which, number>>

const msOf = (told: number | undefined, size: number, bytesPerMs: Length): Length =>
  told === undefined
    ? { likely: Math.ceil(size / bytesPerMs.likely), most: Math.ceil(size / bytesPerMs.most) }
    : same(Math.ceil(told))

/**
 * Tokens of a second of sound: OpenAI has one for each 100 ms
 * (https://developers.openai.com/api/docs/guides/realtime-costs), Gemini 32
 * (https://ai.google.dev/gemini-api/docs/tokens), and few open models have more.
 */
const soundTokens: Readonly<Record<Family, number>> = {
  openai: 10,
  anthropic: 32,
  google: 32,
  other: 32,
}
/** Of a second of video, its sound included: a frame, as a rule, and 32. https://ai.google.dev/gemini-api/docs/tokens */
const videoTokens = 300

const perSecond = ({ likely, most }: Length, tokens: number): Length => ({
  likely: Math.ceil((likely / 1000) * tokens),
  most: Math.ceil((most / 1000) * tokens),
})

const sound = (ms: Length, family: Family): FileTokens => ({
  kind: 'audioInput',
  tokens: perSecond(ms, soundTokens[family]),
  audioMs: ms,
})

/** Of a video that is to be written down only its sound counts. */
const video = (ms: Length, operation: string, family: Family): FileTokens =>
  operation.startsWith('audio/')
    ? sound(ms, family)
    : { kind: undefined, tokens: perSecond(ms, videoTokens) }

/**
 * A page of a PDF. Anthropic has 1,500 to 3,000 tokens for its text, and a picture of it besides
 * (https://platform.claude.com/docs/en/build-with-claude/pdf-support); OpenAI the same of both
 * (https://developers.openai.com/api/docs/guides/pdf-files); Gemini 258, and 560 since version 3
 * (https://ai.google.dev/gemini-api/docs/document-processing). Others read its text.
 */
const tokensOfPage = (family: Family, model: string): number => {
  switch (family) {
    case 'anthropic':
      return 3000 + tokensOfPicture(family, model, LETTER)
    case 'openai':
      return 1000 + tokensOfPicture(family, model, LETTER)
    case 'google':
      return /gemini-[12]/.test(model.toLowerCase()) ? 258 : 560
    default:
      return 1000
  }
}

/** A page of 8.5 × 11 inches, as readers draw it. */
const LETTER = { width: 1275, height: 1650 }
