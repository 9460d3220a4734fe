import type { Text } from './text.ts'

export const speed = {
  'speed.dropped': {
    severity: 'warning',
    says: '{model} writes {now} tokens a second, and wrote {before} before: it probably does not run on the graphics card any more',
    remedy: '{look}',
    means:
      'The middle of its last answers is below two fifths of the middle of those before, by the ledger (streamed answers of the last 30 days). Other causes: a second program on the card, a model that does not fit beside another, a longer context, heat.',
  },
} as const satisfies Record<string, Text>
