import type { InlineFile } from '../dialect/body/files.ts'
import { Head } from './bytes.ts'
import { mediaIn } from './media-length.ts'
import { isPicture, pictureSize, type Size } from './picture-size.ts'

/** What a file in a request is, as far as its first bytes tell. */
export type Content =
  | { readonly kind: 'picture'; readonly size: Size | undefined }
  /** ms where it tells. */
  | { readonly kind: 'sound' | 'video'; readonly ms: number | undefined }
  | { readonly kind: 'document'; readonly pages: number }
  /** A text, or something that nothing is known of. */
  | { readonly kind: 'other' }

/** Enough for nearly all of them. */
const FEW = 4 * 1024
/** Profiles and thumbnails stand before the size in some pictures, and pictures before the sound in some recordings. */
const MANY = 256 * 1024

export const contentOf = (file: InlineFile): Content => {
  // Only its address is there. Most that are named so are pictures.
  if (file.size === 0) return { kind: 'picture', size: undefined }
  const head = new Head(file.head(FEW))
  const content = contentIn(head, file)
  if (head.length < FEW || !isVague(content)) return content
  return contentIn(new Head(file.head(MANY)), file)
}

const isVague = (content: Content): boolean =>
  (content.kind === 'picture' && content.size === undefined) ||
  ((content.kind === 'sound' || content.kind === 'video') && content.ms === undefined) ||
  content.kind === 'document'

const contentIn = (head: Head, { size }: InlineFile): Content => {
  if (isPicture(head)) return { kind: 'picture', size: pictureSize(head) }
  if (isDocument(head)) return { kind: 'document', pages: pagesOf(head, size) }
  return mediaIn(head, size) ?? { kind: 'other' }
}

/** Readers take a PDF for one whose mark stands anywhere in the first 1024 bytes. */
const isDocument = (head: Head): boolean => {
  const at = head.find('%PDF-')
  return at >= 0 && at < 1024
}

/** Bytes of a page, as a rule; those of scans are far larger. */
const BYTES_PER_PAGE = 30_000

/** A PDF says how many pages it has where that is at its beginning; else its size has to do. */
const pagesOf = (head: Head, size: number): number => {
  const text = head.text(0, head.length)
  const linearized = /\/Linearized\b[^>]{0,200}\/N\s+(\d{1,6})/.exec(text)?.[1]
  const counts = [...text.matchAll(/<<[^<>]{0,4000}\/Type\s*\/Pages\b[^<>]{0,4000}>>/g)].map(
    ([dictionary]) => Number(/\/Count\s+(\d{1,6})/.exec(dictionary)?.[1] ?? 0),
  )
  const told = Number(linearized ?? 0) || Math.max(0, ...counts)
  return told > 0 ? told : Math.max(1, Math.ceil(size / BYTES_PER_PAGE))
}
