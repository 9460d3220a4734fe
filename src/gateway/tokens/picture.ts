import type { Family } from './family.ts'
import type { Size } from './picture-size.ts'

/** A picture whose size is not known is taken for a large one: what the rules make of it is their most. */
const LARGE: Size = { width: 4096, height: 4096 }

/** Tokens that a model's maker counts for a picture. @param size absent: it cannot be told, as for a URL */
export const tokensOfPicture = (family: Family, model: string, size: Size = LARGE): number => {
  const name = model.toLowerCase()
  switch (family) {
    case 'openai':
      return (openai.find(([models]) => models.test(name))?.[1] ?? newest)(size)
    case 'anthropic':
      return ofClaude(name, size)
    case 'google':
      return ofGemini(name, size)
    default:
      return ofOthers(size)
  }
}

/** Qwen's models have a token for 28 × 28 pixels, and 16,384 at most by default; few others have more. */
const ofOthers = (size: Size): number => patchesOf(size, { edge: 28, most: 16_384 })

interface Patches {
  /** Pixels. */
  readonly edge: number
  readonly most: number
  /** Pixels of the longer side: larger pictures are made smaller first. */
  readonly longest?: number
}

const patchesOf = (size: Size, { edge, most, longest = Number.POSITIVE_INFINITY }: Patches) => {
  const scale = Math.min(1, longest / Math.max(size.width, size.height))
  const patches = Math.ceil((size.width * scale) / edge) * Math.ceil((size.height * scale) / edge)
  return Math.max(1, Math.min(patches, most))
}

type Rule = (size: Size) => number

/**
 * So many tokens, and more for each tile of 512 pixels: the picture is made to fit into 2048 × 2048, and then its shorter
 * side into 768.
 */
const tiles =
  (base: number, tile: number): Rule =>
  ({ width, height }) => {
    const fits = Math.min(1, 2048 / Math.max(width, height))
    const scale = fits * Math.min(1, 768 / (Math.min(width, height) * fits))
    return base + tile * Math.ceil((width * scale) / 512) * Math.ceil((height * scale) / 512)
  }

/** A token for each 32 × 32 pixels, times a factor. */
const patches =
  (factor: number, most: number): Rule =>
  (size) =>
    Math.ceil(factor * patchesOf(size, { edge: 32, most, longest: 6000 }))

const newest = patches(1.2, 40_000)

/**
 * First match. All of a picture is counted, as it is seen where a request does not ask for less (`detail`).
 * https://developers.openai.com/api/docs/guides/images-vision#calculating-costs
 */
const openai: readonly (readonly [models: RegExp, rule: Rule])[] = [
  [/4o-mini/, tiles(2833, 5667)],
  [/gpt-4\.1-mini|gpt-5(?:\.1)?-mini/, patches(1.62, 1536)],
  [/gpt-4\.1-nano|gpt-5(?:\.1)?-nano/, patches(2.46, 1536)],
  [/o4-mini/, patches(1.72, 1536)],
  [/gpt-4|chatgpt-4o/, tiles(85, 170)],
  [/gpt-5(?:\.1)?(?:-|$)/, tiles(70, 140)],
  [/gpt-5\.2/, patches(1.2, 1536)],
  [/gpt-5\.\d-nano/, patches(2.46, 10_000)],
  [/gpt-5\.\d-mini/, patches(1.62, 10_000)],
  [/gpt-5/, patches(1.2, 10_000)],
  [/(?:^|\/)o[13](?:-|$)/, tiles(75, 150)],
  [/computer-use/, tiles(65, 129)],
]

/**
 * A token for 28 × 28 pixels. Since Opus 4.7 pictures are seen at a higher resolution.
 * https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size
 */
const ofClaude = (model: string, size: Size): number => {
  const [, major, minor] = /claude-(?:[a-z]+-)?(\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model) ?? []
  const isOlder = major !== undefined && Number(major) * 100 + Number(minor ?? 0) < 407
  const limits = isOlder ? { longest: 1568, most: 1600 } : { longest: 2576, most: 4784 }
  return patchesOf(size, { edge: 28, ...limits })
}

/**
 * 258 for a small one, and for each tile of a larger one; since Gemini 3 as many for each picture.
 * https://ai.google.dev/gemini-api/docs/tokens and https://ai.google.dev/gemini-api/docs/media-resolution
 */
const ofGemini = (model: string, { width, height }: Size): number => {
  const [, major] = /gemini-(\d)/.exec(model) ?? []
  if (major === undefined || Number(major) >= 3) return 1120
  if (width <= 384 && height <= 384) return 258
  const unit = Math.min(768, Math.max(256, Math.floor(Math.min(width, height) / 1.5)))
  return 258 * Math.ceil(width / unit) * Math.ceil(height / unit)
}
